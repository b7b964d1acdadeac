"""What must hold for metadata, models, cards, configs, records and videos, however damaged."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import struct
import zlib
from collections.abc import Callable
from contextlib import closing
from functools import cache, partial
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import seed_files
from imaging.picture_files import chunk, saved, texture
from picture_laws import assert_one_sentence, check_picture

from deraincli.batch.jobs import Naming, find_jobs
from deraincli.batch.shards import Shard
from deraincli.callbacks import OnWarning
from deraincli.errors import DerainError
from deraincli.files.journal import Journal
from deraincli.files.manifest import Job, Manifest
from deraincli.geometry import Size
from deraincli.imaging.formats import format_named, format_of
from deraincli.imaging.image import Pixels
from deraincli.inference.backends.export_metadata import METADATA_KEY, Description, description_in
from deraincli.inference.tiled import Restored
from deraincli.model_zoo.hub import parse_address
from deraincli.model_zoo.model_card import read_card, write_card
from deraincli.model_zoo.resolve import resolve_model
from deraincli.models.checkpoint import load_model
from deraincli.models.config_io import dump_config, parse_config
from deraincli.models.convert import import_checkpoint
from deraincli.reporting.html_page import Comparison, Histogram, Table, render
from deraincli.training.config import TrainingConfig, load_config


def _answer(attempt: Callable[[], Any]) -> Any:
    """What a reader returns, or None for a refusal in one sentence."""
    try:
        return attempt()
    except DerainError as error:
        assert_one_sentence(error)
        return None


# Metadata inside of a picture


@cache
def _carrier(format: str) -> bytes:
    return saved(PIL.Image.fromarray(texture(4, 5)), format)


def _in_png(kind: bytes, head: bytes, data: bytes) -> bytes:
    picture = _carrier("PNG")
    return picture[:33] + chunk(kind, head + data) + picture[33:]


def _in_jpeg(marker: int, head: bytes, data: bytes) -> bytes:
    picture = _carrier("JPEG")
    body = (head + data)[:65_533]
    return picture[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body + picture[2:]


def check_exif(data: bytes, folder: Path) -> None:
    check_picture(_in_jpeg(0xE1, b"Exif\0\0", data), folder)
    check_picture(_in_png(b"eXIf", b"", data), folder)


def check_xmp(data: bytes, folder: Path) -> None:
    check_picture(_in_jpeg(0xE1, b"http://ns.adobe.com/xap/1.0/\0", data), folder)
    check_picture(_in_png(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0", data), folder)


def check_icc(data: bytes, folder: Path) -> None:
    check_picture(_in_jpeg(0xE2, b"ICC_PROFILE\0\x01\x01", data), folder)
    check_picture(_in_png(b"iCCP", b"name\0\0", zlib.compress(data)), folder)


def check_iptc(data: bytes, folder: Path) -> None:
    check_picture(_in_jpeg(0xED, b"", data), folder)


# Models


def check_model(data: bytes, folder: Path) -> None:
    """Loads a model file; what loads holds just the weights that the file says."""
    path = folder / "any.safetensors"
    path.write_bytes(data)
    loaded = _answer(lambda: load_model(path))
    if loaded is not None:
        network, info = loaded
        assert parse_config(type(info.config), dump_config(info.config), source="a test") == info.config
        assert sum(weight.numel() for weight in network.state_dict().values()) * 2 <= len(data)


def check_hub_config(data: bytes, folder: Path) -> None:
    """Loads weights that do not name their network beside a config that does."""
    (folder / "config.json").write_bytes(data)
    weights = folder / "model.safetensors"
    if not weights.exists():
        from safetensors.numpy import save

        weights.write_bytes(save({"a": np.zeros(2, np.float16)}))
    _answer(lambda: load_model(weights))


def check_checkpoint(data: bytes, folder: Path) -> None:
    path = folder / "published.pth"
    path.write_bytes(data)
    _answer(lambda: import_checkpoint(path, "prenet"))


def check_card(data: bytes, folder: Path) -> None:
    """Reads a card, and what is written of it again."""
    path = folder / "README.md"
    path.write_bytes(data)
    told = read_card(path)
    facts = dataclasses.replace(
        seed_files.FACTS,
        licence=told.licence,
        provenance=told.provenance,
        scores=told.scores,
        datasets=told.datasets,
    )
    path.write_text(write_card(facts, seed_files.ADDRESS), encoding="utf-8")
    assert read_card(path) == told


def check_export(data: bytes, folder: Path) -> None:
    """Reads an export's description. One that is accepted is of the declared types."""
    found = description_in({METADATA_KEY: data.decode(errors="surrogateescape")})
    if found is not None:
        for field in dataclasses.fields(Description):
            wanted = str if field.type == "str" else int | float
            assert isinstance(getattr(found, field.name), wanted), field.name
        assert Description(**json.loads(found.as_json())) == found


# Configs, records, names


def check_training_config(data: bytes, folder: Path) -> None:
    """Reads a config, which survives being written as JSON."""
    path = folder / "config.toml"
    path.write_bytes(data)
    config = _answer(lambda: load_config(path))
    if config is not None:
        again = parse_config(TrainingConfig, json.loads(json.dumps(dump_config(config))), source="a test")
        assert repr(again) == repr(config)  # nan is unlike itself


def check_journal(data: bytes, folder: Path) -> None:
    """Opens a journal in any state, and records something more."""
    path = folder / "journal.jsonl"
    path.write_bytes(data)
    before = Journal(path)
    before.record("added", [1, "ü"])
    again = Journal(path)
    assert again.get("added") == [1, "ü"]
    for number in range(5):
        assert repr(again.get(f"k{number}")) == repr(before.get(f"k{number}"))


def check_manifest(data: bytes, folder: Path) -> None:
    """Asks a batch's record everything, whatever is in it."""
    place = folder / Manifest.FOLDER
    place.mkdir(exist_ok=True)
    for old in place.iterdir():
        old.unlink()
    (place / "elsewhere.jsonl").write_bytes(data)
    result = folder / "a.png"
    result.write_bytes(b"data")
    job = Job(folder / "x.png", "a.png", folder, "a.png")
    manifest = Manifest(folder)
    manifest.is_done(job, "settings")
    manifest.may_replace(job)
    assert manifest.objection(job).endswith(".")  # names may hold control characters, which are escaped later
    manifest.wrote(result)
    manifest.record(job, (4, 5), "settings", b"data")
    assert Manifest(folder).wrote(result)


def check_name(data: bytes, folder: Path) -> None:
    """Takes a text as everything that a user may name."""
    text = data.decode(errors="surrogateescape").replace("\n", " ")
    for reader in (parse_address, resolve_model, Shard.parse, format_named):
        _answer(partial(reader, text))
    _answer(lambda: format_of(Path(text)))
    _answer(lambda: find_jobs([str(folder / text.lstrip("/"))], Naming()))


# Pages


class _Scripts(HTMLParser):
    """Lists the elements of a page, and what the script elements hold."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: dict[str, str] = {}
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside = dict(attrs).get("id") or "" if tag == "script" else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside] = self.texts.get(self._inside, "") + data


def _page(name: str) -> str:
    pixels = texture(2, 2)
    return render(
        name,
        [name],
        tables=[Table(name, (name,), [(name,)])],
        histogram=Histogram(name, name, {name: [1.0, 2.0]}),
        listed=[name],
        comparisons=[
            Comparison(name, name, [name], lambda: {"before": pixels, "after": pixels}, {name: name})
        ],
    )


@cache
def _plain_tags() -> list[str]:
    parser = _Scripts()
    parser.feed(_page("plain"))
    return parser.tags


def check_page(data: bytes, folder: Path) -> None:
    """Puts a text everywhere on a page: it stays text, and adds no element."""
    name = data.decode(errors="surrogateescape")
    page = _page(name)
    parser = _Scripts()
    parser.feed(page)
    assert parser.tags == _plain_tags()
    report = json.loads(parser.texts["report"])
    assert report["title"] == report["facts"][0] == report["comparisons"][0]["name"] == name
    (url, *_) = report["comparisons"][0]["views"].values()
    PIL.Image.open(BytesIO(base64.b64decode(re.sub("^.*,", "", url)))).load()


# Videos


def check_video(data: bytes, folder: Path) -> None:
    """Reads a video's pictures and packets twice, with the same outcome, in ascending times."""
    path = folder / "clip"
    path.write_bytes(data)
    first = _answer(lambda: _shown(path))
    assert first == _answer(lambda: _shown(path))
    if not first:
        return
    assert all(earlier[0] < later[0] for earlier, later in pairwise(first))
    if zlib.crc32(data) % 3 == 0:  # encoding takes ten times as long as reading
        suffix = ("mp4", "matroska")[zlib.crc32(data) % 2]
        _check_restored_video(path, folder / "restored", suffix, len(first))


class _Unchanged:
    """Stands for a network, in a tenth of a millisecond."""

    def select(self, pixels: Pixels, **_: object) -> _Unchanged:
        return self

    def restore(self, pixels: Pixels, *, on_warning: OnWarning) -> Restored:
        height, width = pixels.shape[:2]
        return Restored(pixels, None, None, Size(height, width))


def _check_restored_video(source: Path, target: Path, format: str, pictures: int) -> None:
    """Writes a video with its other tracks: a refusal, or every picture."""
    from deraincli.video.reader import Source
    from deraincli.video.restorer import VideoOptions, VideoRestorer, VideoResult, prepare

    options = VideoOptions(format)
    restorer = VideoRestorer(_Unchanged(), options, lambda done, total: None, lambda note: None)

    def restore() -> VideoResult:
        with closing(Source(source)) as opened:
            prepared = prepare(opened, options)
        return restorer.to_file(source, target, prepared, job="a test", overwrite=True)

    result = _answer(restore)
    if result is not None:
        assert result.frames == pictures
        assert len(_shown(target)) == pictures


def _shown(path: Path) -> list[tuple[int, int, int, int]]:
    from deraincli.video.reader import Source

    source = Source(path)
    try:
        source.no_picture()
        assert source.picture_count >= 0
        shown = [
            (time.pts, picture.frame.width, picture.frame.height, zlib.crc32(bytes(picture.frame.planes[0])))
            for picture in source.pictures()
            for time in picture.times
        ]
        source.ends_early(source.reached)
        return shown
    finally:
        source.close()
