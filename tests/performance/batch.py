"""What `derain batch` adds to the network's own time, and whether its memory grows.

    python tests/performance/batch.py overhead [PICTURES]     # JPEG pictures of 1 megapixel, in and out
    python tests/performance/batch.py memory [PICTURES]       # many tiny pictures

The network's own time is that of the same pictures, decoded beforehand, one after the other. Pictures take
turns: a few by the one way, the same few by the other, so that a busy machine slows both alike.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import PIL.Image
import psutil

from deraincli.batch.jobs import Naming, find_jobs
from deraincli.batch.local_engine import run
from deraincli.batch.outcome import RestoreSettings
from deraincli.batch.worker import DeviceSlot, Worker
from deraincli.files.manifest import Job
from deraincli.imaging.decode import decode
from deraincli.model_zoo.resolve import resolve_model
from deraincli.restoration.load import LoadOptions, load

TURN = 8
"""Pictures in a turn."""

PICTURES = 4
"""In memory at once: the default of `derain batch` on one device."""


def write_photos(folder: Path, count: int, size: tuple[int, int]) -> list[Job]:
    """JPEGs with structure at several scales."""
    folder.mkdir()
    for n in range(count):
        coarse = np.random.default_rng(n).integers(0, 256, (size[1] // 12, size[0] // 12, 3), dtype=np.uint8)
        picture = PIL.Image.fromarray(coarse).resize(size, PIL.Image.Resampling.BICUBIC)
        picture.save(folder / f"{n}.jpg", quality=92)
    return find_jobs([str(folder)], Naming()).jobs


def settings() -> RestoreSettings:
    return RestoreSettings(LoadOptions(working_side="full"), resolve_model(None), overwrite=True)


def overhead(folder: Path, count: int) -> None:
    jobs = write_photos(folder / "photos", count, (1152, 864))
    derainer = load(working_side="full")
    worker = Worker(settings(), [derainer])
    pure, whole = [], []
    for start in range(0, count, TURN):
        turn = jobs[start : start + TURN]
        pictures = [decode(job.source, max_pixels=10**7).pixels for job in turn]
        lane = DeviceSlot(derainer)
        began = time.perf_counter()
        for pixels in pictures:
            lane.restore(pixels, worker.stop, print)
        pure.append(time.perf_counter() - began)
        began = time.perf_counter()
        assert all(outcome.status == "done" for outcome in run(turn, worker, PICTURES))
        whole.append(time.perf_counter() - began)
    ratios = sorted(b / a for a, b in zip(pure, whole, strict=True))
    print(f"{count} JPEG pictures of 1152×864 on {derainer.device} in {derainer.precision}:")
    print(f"network alone {sum(pure):.1f} s, batch {sum(whole):.1f} s, ratio {sum(whole) / sum(pure):.3f}")
    print(f"by turns of {TURN}: {', '.join(f'{ratio:.3f}' for ratio in ratios)}")


def memory(folder: Path, count: int) -> None:
    jobs = write_photos(folder / "photos", count, (96, 64))
    worker = Worker(settings(), [load(tile="off")])
    process = psutil.Process()
    resident = []
    for done, _ in enumerate(run(jobs, worker, PICTURES), start=1):
        if done % 20 == 0:
            gc.collect()
            resident.append((done, process.memory_info().rss / 2**20))
    half = [(done, size) for done, size in resident if done > count / 2]
    slope = np.polyfit(*zip(*half, strict=True), 1)[0]
    for done, size in resident[:: max(len(resident) // 10, 1)]:
        print(f"{done:6} pictures {size:8.1f} MiB")
    print(f"slope over the second half: {1000 * slope:+.1f} MiB per 1000 pictures")


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    with tempfile.TemporaryDirectory() as place:
        {"overhead": overhead, "memory": memory}[what](Path(place), int(rest[0]) if rest else 40)
