"""`derain serve` over HTTP: a real server, real pictures, answers compared with those of the command line."""

from __future__ import annotations

import base64
import io
import re
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args
from urllib.parse import parse_qs, urlsplit

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest
from paired import scene
from serving import BOUNDARY, Server, serving

pytest.importorskip("fastapi")
from deraincli.cli import values
from deraincli.serve import server as serve_server
from deraincli.serve.options import RequestOptions

EXAMPLES = Path(__file__).parents[2] / "examples"
FP32 = ("--device", "cpu", "--precision", "fp32")


@pytest.fixture(scope="module")
def server(small_model: Path) -> Iterator[Server]:
    with serving("-m", small_model, *FP32) as running:
        yield running


def photo(seed: int = 0, mode: str = "RGB", **size: int) -> PIL.Image.Image:
    return PIL.Image.fromarray(scene(seed, **size)).convert(mode)


def saved(picture: PIL.Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def with_metadata() -> bytes:
    exif = PIL.Image.Exif()
    exif[0x010E], exif[0x0112] = "rain on the window", 6
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    return saved(photo(1), "JPEG", quality=90, exif=exif, icc_profile=profile)


def deep() -> bytes:
    return saved(PIL.Image.fromarray(scene(2)[..., 0].astype(np.uint16) * 251), "PNG")


PICTURES = {
    "photo.jpg": with_metadata,
    "deep.png": deep,
    "alpha.png": lambda: saved(photo(3, "RGBA"), "PNG"),
    "grey.webp": lambda: saved(photo(4, "L"), "WEBP"),
    "photo.tif": lambda: saved(photo(5), "TIFF", dpi=(300, 300)),
    "photo.bmp": lambda: saved(photo(6), "BMP"),
}


@pytest.fixture
def restored(derain, small_model: Path, tmp_path: Path):
    """What `derain image` makes of a picture."""

    def call(data: bytes, *options: object, format: str | None = None) -> bytes:
        picture = PIL.Image.open(io.BytesIO(data))
        source, target = tmp_path / "in", tmp_path / "out"
        source.write_bytes(data)
        done = derain(
            *("image", source, "-o", target, "--overwrite", "-m", small_model, *FP32, *options),
            *("--format", format or picture.format.lower()),
        )
        assert done.code == 0, done.err
        return target.read_bytes()

    return call


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("as_form", [False, True], ids=["body", "form"])
def test_the_answer_has_the_bytes_of_the_command_line(server, restored, name: str, as_form: bool) -> None:
    data = PICTURES[name]()
    if as_form:
        answer = server.send_form("/api/derain", {"picture": data})
    else:
        answer = server.post("/api/derain", data)
    assert answer.status == 200, answer.body
    assert answer.body == restored(data)
    assert answer.headers["Content-Type"] == PIL.Image.open(io.BytesIO(data)).get_format_mimetype()


@pytest.mark.parametrize("as_form", [False, True], ids=["address", "form"])
def test_options_are_those_of_the_command_line(server, restored, as_form: bool) -> None:
    data, chosen = with_metadata(), {"format": "webp", "quality": 60, "metadata": "strip", "task": "drop"}
    query = "&".join(f"{name}={value}" for name, value in chosen.items())
    answer = (
        server.send_form("/api/derain", {"picture": data}, **chosen)
        if as_form
        else server.post(f"/api/derain?{query}", data)
    )
    options = [text for name, value in chosen.items() if name != "format" for text in (f"--{name}", value)]
    assert answer.body == restored(data, *options, format="webp")


def test_masks_and_strength_are_those_of_the_command_line(server, restored, tmp_path: Path) -> None:
    data, files, options = saved(photo(1), "PNG"), {}, ["--strength", 0.7]
    for name, box in (("mask", (0, 0, 40, 48)), ("protect", (20, 10, 64, 30))):
        mask = PIL.Image.new("L", (64, 48))
        mask.paste(255, box)
        files[name] = saved(mask, "PNG")
        (tmp_path / name).write_bytes(files[name])
        options += [f"--{name}", tmp_path / name]
    answer = server.send_form("/api/derain", {"picture": data, **files}, strength=0.7)
    assert answer.body == restored(data, *options)
    assert answer.body != restored(data)
    assert answer.body != data


def test_a_mask_that_does_not_fit_is_refused(server) -> None:
    picture = saved(photo(1), "PNG")
    wide, broken = saved(PIL.Image.new("L", (64, 10)), "PNG"), b"abc"
    answer = server.send_form("/api/derain", {"picture": picture, "mask": wide})
    assert answer.status == 422
    assert "The file 'mask' is 64×10 and the picture 64×48" in answer.detail
    assert server.send_form("/api/derain", {"picture": picture, "protect": broken}).status == 422
    assert server.send_form("/api/derain", {"picture": picture, "portrait": wide}).status == 422


def test_a_mask_that_is_black_everywhere_gets_the_sentence_of_the_command_line(server) -> None:
    picture, black = saved(photo(1), "PNG"), saved(PIL.Image.new("L", (64, 48)), "PNG")
    answer = server.send_form("/api/derain", {"picture": picture, "mask": black})
    assert answer.status == 422
    assert "black everywhere" in answer.detail


def test_jpeg_xl_is_written_on_request(server) -> None:
    pytest.importorskip("pillow_jxl")
    answer = server.post("/api/derain?format=jxl", saved(photo(1), "PNG"))
    assert answer.status == 200
    assert PIL.Image.open(io.BytesIO(answer.body)).format == "JXL"


def test_option_values_are_those_of_the_command_line() -> None:
    def taken(name: str) -> set[object]:
        annotation = RequestOptions.model_fields[name].annotation
        inner = [value for part in get_args(annotation) for value in get_args(part) or (part,)]
        return {value for value in inner if isinstance(value, str)}

    assert taken("task") == set(values.TASKS)
    assert taken("format") - {"jpg", "tif"} == set(values.IMAGE_FORMATS)


@pytest.mark.parametrize("way", ["option", "header"])
def test_json_holds_the_result_the_record_and_the_maps(server, restored, way: str) -> None:
    data = with_metadata()
    if way == "option":
        answer = server.post("/api/derain?maps=1", data).json
    else:
        answer = server.post("/api/derain", data, {"Accept": "application/json"}).json
    assert base64.b64decode(answer["picture"]) == restored(data)
    assert answer["media_type"] == "image/jpeg"
    record = answer["record"]
    assert (record["width"], record["height"], record["model"]) == (48, 64, "small")
    assert (record["status"], record["rain"]) == ("done", None)
    for name in ("ram", "cam"):
        attention = PIL.Image.open(io.BytesIO(base64.b64decode(answer[name])))
        assert (attention.mode, attention.size) == ("L", (48, 64))


def test_the_automatic_choice_is_explained_and_a_task_overrules_it(derain, tmp_path: Path) -> None:
    source = EXAMPLES / "rainy_coffee.jpg"  # whose streaks leave no doubt
    data = source.read_bytes()
    with serving(*FP32) as server:
        models = server.get("/api/models").json
        assert [(model["name"], model["default"]) for model in models[:2]] == [
            ("balnet-lite", True),
            ("balnet-lite-streak", False),
        ]
        record = server.post("/api/derain?maps=1", data).json["record"]
        assert all(0 <= record["rain"][kind] <= 1 for kind in ("streaks", "drops"))
        assert record["model"] == "balnet-lite-streak"
        answer = server.post("/api/derain?task=drop", data).body
    derain("image", source, "-o", tmp_path / "out.jpg", "--task", "drop", *FP32)
    assert answer == (tmp_path / "out.jpg").read_bytes()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("quality=0", "'quality' should be greater than or equal to 1, not '0'."),
        ("quality=good", "'quality' should be a valid integer, not 'good'."),
        ("maps=maybe", "'maps' should be a valid boolean, not 'maybe'."),
        ("task=snow", "'task' should be 'auto', 'streak' or 'drop', not 'snow'"),
        ("task=drop&task=streak", "holds 'task' twice"),
        ("format=heic", "'format' should be"),
        ("colour=blue", "no option 'colour'"),
        ("model=/etc/passwd", "no model '/etc/passwd': choose small"),
        ("model=hf:owner/name", "no model 'hf:owner/name'"),
    ],
)
def test_wrong_options_are_named(server, query: str, says: str) -> None:
    answer = server.post(f"/api/derain?{query}", saved(photo(), "PNG"))
    assert answer.status == 422
    assert says in answer.detail


def test_nothing_that_is_given_twice_is_ignored(server) -> None:
    picture, end = saved(photo(), "PNG"), f"--{BOUNDARY}--\r\n"
    assert (
        "holds 'task' twice"
        in server.send_form("/api/derain?task=drop", {"picture": picture}, task="drop").detail
    )
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'
    form = 2 * (head.encode() + picture + b"\r\n") + end.encode()
    answer = server.post("/api/derain", form, {"Content-Type": f"Multipart/Form-Data; boundary={BOUNDARY}"})
    assert answer.status == 422
    assert "holds 'picture' twice" in answer.detail


@pytest.mark.parametrize("data", [b"", b"abc", b"\x89PNG\r\n\x1a\n", with_metadata()[:700]])
def test_a_picture_that_cannot_be_read_gets_the_sentence_of_the_command_line(
    server, derain, data: bytes
) -> None:
    said = derain("image", "-", "-o", "-", "--format", "png", stdin=data).err
    answer = server.post("/api/derain", data)
    assert answer.status == 422
    assert " ".join(said.split()).removeprefix("Error: ") == answer.detail


def test_a_format_that_cannot_hold_the_picture_is_refused(server) -> None:
    answer = server.post("/api/derain?format=jpeg", saved(photo(0, "RGBA").resize((9, 9)), "PNG"))
    if answer.status == 200:  # opaque everywhere
        transparent = photo(0, "RGBA")
        transparent.putalpha(90)
        answer = server.post("/api/derain?format=jpeg", saved(transparent, "PNG"))
    assert answer.status == 422
    assert "transparency" in answer.detail


def test_a_form_without_a_picture_is_refused(server) -> None:
    assert server.send_form("/api/derain", {"file": b"abc"}).status == 422
    broken = server.post("/api/derain", b"abc", {"Content-Type": "multipart/form-data; boundary=x"})
    assert broken.status == 400
    assert server.post("/api/derain", b"abc", {"Content-Type": "multipart/form-data"}).status == 400


def test_no_answer_names_a_path_of_the_server(server, small_model: Path) -> None:
    answers = [server.get(path) for path in ("/api/health", "/api/models", "/openapi.json", "/nothing")]
    for body in (b"", b"abc", saved(photo(), "PNG")[:300], saved(photo(), "PNG")):
        answers.append(server.post(f"/api/derain?maps=1&model={small_model}", body))
        answers.append(server.post("/api/derain?maps=1", body))
    for answer in answers:
        assert str(small_model.parent).encode() not in answer.body.replace(str(small_model).encode(), b"")


def test_an_address_that_takes_another_method_says_so(server) -> None:
    for path in ("/", "/docs", "/api/health"):
        answer = server.head(path)
        assert (answer.status, answer.body) == (200, b"")
    refused = server.get("/api/derain")
    assert (refused.status, refused.headers["Allow"]) == (405, "POST")
    assert "takes POST alone" in refused.detail
    assert server.post("/", b"").status == 405
    assert server.post("/api/nothing", b"").status == 404


def test_the_page_may_use_its_own_server_alone(server) -> None:
    for path in ("/", "/docs", "/main.js", "/comparison_slider.js"):
        answer = server.get(path)
        assert answer.status == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    for path in ("/nothing", "/../pyproject.toml", "/%2e%2e/app.py", "//etc/passwd"):
        assert server.get(path).status == 404


def test_health_and_the_description_of_the_interface(server) -> None:
    assert server.get("/api/health").json["status"] == "ok"
    paths = server.get("/openapi.json").json["paths"]
    assert paths.keys() == {"/api/health", "/api/models", "/api/derain"}
    options = {parameter["name"] for parameter in paths["/api/derain"]["post"]["parameters"]}
    assert options == set(RequestOptions.model_fields)


@pytest.fixture(scope="module")
def strict(small_model: Path) -> Iterator[Server]:
    """A server with low limits, a token, an open address, and another page that may use it."""
    limits = ("--max-pixels", 5000, "--max-body", 1, "--token", "sesame", "--cors", "https://Other.example/")
    with serving("-m", small_model, *FP32, *limits, "--host", "0.0.0.0") as running:
        yield running


TOKEN = {"Authorization": "Bearer sesame"}


def test_limits_hold_before_a_picture_is_decoded(strict: Server) -> None:
    answer = strict.post("/api/derain", saved(PIL.Image.new("RGB", (100, 51)), "PNG"), TOKEN)
    assert answer.status == 413
    assert "100 × 51 pixels" in answer.detail
    assert strict.post("/api/derain", bytes(2**20 + 1), TOKEN).status == 413
    assert "larger than 1 MB" in _post_without_length(strict, bytes(2**20 + 1))
    assert strict.post("/api/derain", saved(PIL.Image.new("RGB", (100, 50)), "PNG"), TOKEN).status == 200


def _post_without_length(server: Server, body: bytes) -> str:
    """Sends a body in chunks, whose length nobody knows beforehand."""
    connection = server.connect()
    connection.request("POST", "/api/derain", iter([body]), TOKEN, encode_chunked=True)
    return connection.getresponse().read().decode()


def test_a_token_is_needed_where_one_is_set(strict: Server) -> None:
    assert strict.url.endswith("#token=sesame")
    assert strict.get("/api/health").status == 200
    assert strict.get("/api/models").status == 401
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer sésame"}):
        assert strict.post("/api/derain", saved(photo(), "PNG"), headers).status == 401
    assert strict.post("/api/derain", saved(photo(), "PNG"), TOKEN).status == 200


@pytest.mark.parametrize("token", ["", "two words", "sésame"])
def test_a_token_that_protects_nothing_or_cannot_be_sent_is_refused(derain, token: str) -> None:
    refused = derain("serve", "--port", 0, "--token", token)
    assert refused.code == 2
    assert "visible ASCII characters" in refused.err


def test_the_page_gets_a_token_of_any_characters() -> None:
    token = "a+b&c=d%20#?/"
    with serve_server.listen("127.0.0.1", 0) as listening:
        fragment = urlsplit(serve_server.url_of(listening, token)).fragment
    assert parse_qs(fragment) == {"token": [token]}


def test_other_web_pages_may_use_the_server_only_if_allowed(server: Server, strict: Server) -> None:
    picture, page = saved(photo(), "PNG"), {"Origin": "https://other.example"}
    refused = server.post("/api/derain", picture, page)
    assert refused.status == 403
    assert "Access-Control-Allow-Origin" not in refused.headers
    own = {"Origin": server.url.rstrip("/")}
    assert server.post("/api/derain", picture, own).status == 200
    allowed = strict.post("/api/derain", picture, page | TOKEN)
    assert allowed.status == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == page["Origin"]
    assert allowed.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert strict.post("/api/derain", picture, {"Origin": "https://third.example"} | TOKEN).status == 403


def test_a_server_that_others_reach_says_so(server: Server, strict: Server) -> None:
    assert "Every machine that knows the token and reaches 0.0.0.0 can use this server" in strict.greeting
    assert "can use this server" not in server.greeting


def test_the_page_of_all_interfaces_has_an_address_that_browsers_open() -> None:
    with serve_server.listen("0.0.0.0", 0) as listening:
        assert not serve_server.is_loopback(listening)
        assert urlsplit(serve_server.url_of(listening, None)).hostname == "127.0.0.1"
    with serve_server.listen("127.1", 0) as listening:
        assert serve_server.is_loopback(listening)


@pytest.mark.parametrize("origin", ["other.example", "https://other.example/page", ""])
def test_what_is_no_origin_is_refused(derain, origin: str) -> None:
    refused = derain("serve", "--port", 0, "--cors", origin)
    assert refused.code == 2
    assert "--cors takes an origin" in refused.err


@pytest.mark.parametrize(
    ("options", "ignored"), [("--static site -m small", "--model"), ("--overwrite", "--overwrite")]
)
def test_no_option_is_ignored(derain, tmp_path: Path, monkeypatch, options: str, ignored: str) -> None:
    monkeypatch.chdir(tmp_path)
    refused = derain("serve", *options.split())
    assert refused.code == 2
    assert f"leave {ignored} out" in refused.err
    assert not any(tmp_path.glob("site*"))


def begin(server: Server, picture: bytes, query: str = "") -> socket.socket:
    """Sends a whole request and does not wait for the answer."""
    connection = server.connect()
    connection.request("POST", f"/api/derain{query}", picture)
    return connection.sock


@pytest.fixture
def slow(small_model: Path) -> Iterator[Server]:
    """A server with one place in its queue, which restores large pictures in many small tiles."""
    with serving("-m", small_model, *FP32, "--tile", 64, "--working-side", "full", "--queue", 1) as running:
        yield running


def large() -> bytes:
    return saved(PIL.Image.new("RGB", (4000, 4000)), "PNG")


def test_a_request_stops_when_its_client_goes_and_one_too_many_is_refused(slow: Server) -> None:
    """The large picture has some ten thousand tiles. The small one behind it is answered after a few."""
    first = begin(slow, large())
    second = begin(slow, large())
    while slow.get("/api/health").json["unfinished"] < 2:
        pass
    refused = slow.post("/api/derain", saved(photo(), "PNG"))
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) >= 1
    second.close()
    while slow.get("/api/health").json["unfinished"] > 1:
        pass
    with ThreadPoolExecutor(1) as pool:
        third = pool.submit(slow.post, "/api/derain", saved(photo(), "PNG"))
        first.close()
        assert third.result().status == 200
    health = slow.get("/api/health").json
    assert (health["stopped"], health["finished"], health["unfinished"]) == (2, 1, 0)
    code, printed = slow.stop(signal.SIGINT)
    assert (code, printed) == (0, "Stopped.\n")


def test_a_stop_finishes_what_was_accepted(small_model: Path, restored) -> None:
    data = saved(photo(8, height=300, width=300), "PNG")
    with serving("-m", small_model, *FP32) as server:
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(server.post, "/api/derain", data)
            while server.get("/api/health").json["unfinished"] < 1 and not answer.done():
                pass
            code, printed = server.stop(signal.SIGTERM)
        assert answer.result().body == restored(data)
    assert code == 0
    assert printed.splitlines()[-1:] == ["Stopped."]
    assert "Traceback" not in printed


def test_nothing_breaks_on_strange_clients(server: Server, restored) -> None:
    """Garbage, half a request, and a client that goes in the middle of its upload."""
    generator = np.random.default_rng(0)
    heads = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"BM", b"RIFF....WEBP"]
    for number in range(60):
        garbage = heads[number % len(heads)] + generator.bytes(int(generator.integers(0, 300)))
        sends = (
            server.post("/api/derain", garbage),
            server.send_form("/api/derain", {"picture": garbage, "mask": garbage}),
        )
        for answer in sends:
            assert 400 <= answer.status < 500
            assert re.fullmatch(r'\{"detail":".+"\}', answer.body.decode())
    for start in (b"GET", b"POST /api/derain HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nhalf"):
        with socket.create_connection((server.host, server.port)) as client:
            client.sendall(start)
    data = saved(photo(9), "PNG")
    assert server.post("/api/derain", data).body == restored(data)


def test_a_port_in_use_and_a_lacking_model_are_told(server: Server, derain) -> None:
    taken = derain("serve", "--port", server.port)
    assert taken.code == 2
    assert "choose another --port" in taken.err
    assert derain("serve", "--port", 0, "--host", "a..b").code == 2
    assert derain("serve", "--port", 0, "-m", "no-such-model").code == 2
    assert "classical method" in derain("serve", "--port", 0, "-m", "dsc").err
