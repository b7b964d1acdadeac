"""Puts `derain serve` under load and checks its answers, its memory and how it treats difficult clients.

    python tests/endurance/server_load.py                    # 200 requests by 16 clients, then 1,000 requests
    python tests/endurance/server_load.py --requests 5000    # a longer watch of the memory

Laws. Every answer has the bytes of `derain image` for that picture and these options, whoever asks at the
same time. Memory stays within GROWTH once a tenth of the requests is done. Clients that send slowly, stop in
the middle or never read cost others nothing. Garbage is answered with 4xx. The server prints no traceback.
"""

from __future__ import annotations

import argparse
import io
import socket
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
import PIL.Image
import psutil

sys.path.append(str(Path(__file__).parents[1]))
from paired import rain_on, scene
from serving import Server, serving
from tiny_models import TINY, random_model

from deraincli.imaging.formats import format_named
from deraincli.restoration.load import LoadOptions, open_model
from deraincli.restoration.restore_file import SaveOptions, restore_file

FP32 = ("--device", "cpu", "--precision", "fp32")
FORMATS = ("png", "jpeg", "webp")
GROWTH = 32 * 2**20
"""Bytes by which memory may grow after the first tenth of the requests."""


def pictures(count: int) -> list[bytes]:
    """Different pictures of different sizes, as files."""
    files = []
    for seed in range(count):
        pixels = rain_on(scene(seed, height=32 + seed % 7, width=40 + seed % 11), seed)
        file = io.BytesIO()
        PIL.Image.fromarray(pixels).save(file, FORMATS[seed % len(FORMATS)])
        files.append(file.getvalue())
    return files


def ask(server: Server, data: bytes, format: str) -> bytes:
    """Sends a picture until the queue has room for it."""
    while True:
        answer = server.post(f"/api/derain?format={format}", data)
        if answer.status == 200:
            return answer.body
        assert answer.status == 429, answer.body
        time.sleep(0.1)


def compare(server: Server, model: Path, requests: int, clients: int) -> str:
    """Sends many requests at once and compares every answer with what `derain image` writes."""
    derainer = open_model(LoadOptions(str(model), device="cpu", precision="fp32"))
    jobs = [(data, FORMATS[n // 3 % 3]) for n, data in enumerate(pictures(requests))]
    expected = [restore_file(derainer, data, SaveOptions(format_named(format))).data for data, format in jobs]
    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(lambda job: ask(server, *job), jobs))
    wrong = sum(answer != wanted for answer, wanted in zip(answers, expected, strict=True))
    assert wrong == 0, f"{wrong} answers differ"
    return f"{requests} requests by {clients} clients: all equal, {time.perf_counter() - start:.0f} s"


def watch_memory(server: Server, requests: int) -> str:
    """Watches the server's memory over many requests of the same kind."""
    process, files, seen = psutil.Process(server.process.pid), pictures(12), []
    for n in range(requests):
        ask(server, files[n % len(files)], FORMATS[n % 3])
        seen.append(process.memory_info().rss)
    settled = seen[requests // 10 :]
    tenth = len(settled) // 10
    growth = median(settled[-tenth:]) - median(settled[:tenth])
    assert growth < GROWTH, f"memory grew by {growth / 2**20:.0f} MiB"
    memory = f"{seen[-1] / 2**20:.0f} MiB, growth {growth / 2**20:.1f} MiB"
    return f"{requests} requests: {memory}, {process.num_fds()} descriptors"


def disturb(server: Server, clients: int) -> str:
    """Lets slow, silent and vanishing clients hang on while honest ones ask."""
    data = pictures(1)[0]
    head = f"POST /api/derain HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    stop = threading.Event()

    def slow() -> None:
        with socket.create_connection((server.host, server.port)) as client:
            for byte in head + data:
                client.sendall(bytes([byte]))
                if stop.wait(0.05):
                    return

    def unread() -> None:
        with socket.create_connection((server.host, server.port)) as client:
            client.sendall(head + data)
            stop.wait()

    def vanishing() -> None:
        while not stop.wait(0.5):
            with socket.create_connection((server.host, server.port)) as client:
                client.sendall(head + data[: len(data) // 2])

    with ThreadPoolExecutor(3 * clients) as pool:
        hanging = [pool.submit(kind) for kind in (slow, unread, vanishing) for _ in range(clients)]
        answers = {ask(server, data, "png") for _ in range(30)}
        stop.set()
    for client in hanging:
        client.result()
    assert len(answers) == 1
    return f"{3 * clients} slow, silent and vanishing clients: 30 honest requests answered alike"


def send_garbage(server: Server, bodies: int) -> str:
    """Sends random and damaged bodies."""
    generator, whole, statuses = np.random.default_rng(0), pictures(6), set()
    for n in range(bodies):
        damaged = bytearray(whole[n % 6])
        for place in generator.integers(0, len(damaged), 20):
            damaged[place] = generator.integers(0, 256)
        data = bytes(damaged[: generator.integers(1, len(damaged))]) if n % 2 else generator.bytes(200)
        answer = (
            server.send_form("/api/derain", {"picture": data}) if n % 3 else server.post("/api/derain", data)
        )
        assert answer.status == 200 or 400 <= answer.status < 500, answer
        statuses.add(answer.status)
    return f"{bodies} garbage bodies: answers {', '.join(map(str, sorted(statuses)))}"


def main() -> None:
    """Runs all campaigns on one server."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--garbage", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "tiny.safetensors"
        model.write_bytes(random_model(TINY))
        with serving("-m", model, *FP32) as server:
            print(compare(server, model, requests=200, clients=16), flush=True)
            print(watch_memory(server, arguments.requests), flush=True)
            print(disturb(server, clients=8), flush=True)
            print(send_garbage(server, arguments.garbage), flush=True)
            health = server.get("/api/health").json
            assert health["unfinished"] == 0, health
            code, printed = server.stop()
    assert code == 0
    assert printed == "Stopped.\n", printed
    print("The server printed nothing, and stopped.")


if __name__ == "__main__":
    main()
