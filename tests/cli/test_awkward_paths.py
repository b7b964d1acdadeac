"""Paths that no command can use end in one sentence and the right exit code, and never in a wait."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from closed import permissions_bind
from paired import scene, write_picture, write_set

PATH = "PATH"
"""Stands for the awkward path."""
PAGE = "PAGE"
"""Stands for the same path with the suffix of a page."""

PICTURES = {
    "image": ("image", PATH, "-o", "out.png"),
    "attn": ("attn", PATH, "-o", "maps", "--figure", "none"),
    "attn --target": ("attn", "photo.png", "--target", PATH, "-o", "maps", "--figure", "none"),
    "compare": ("compare", PATH, "-o", "out.html"),
    "compare --target": ("compare", "photo.png", "same=photo.png", "--target", PATH, "-o", "out.html"),
    "video": ("video", PATH, "-o", "out.mp4"),
    "synth": ("synth", PATH, "-o", "pairs"),
    "batch": ("batch", PATH, "-o", "results"),
}
OTHERS = {
    "eval": ("eval", PATH),
    "eval --results": ("eval", "set", "--results", PATH),
    "data inspect": ("data", "inspect", PATH),
    "train": ("train", PATH, "--out", "run"),
    "train --warm-start": ("train", "config.toml", "--warm-start", PATH, "--out", "run"),
    "--model": ("image", "photo.png", "-o", "out.png", "--model", PATH),
    "weights info": ("weights", "info", PATH),
    "weights verify": ("weights", "verify", PATH),
    "weights export": ("weights", "export", PATH, "-o", "out.onnx"),
    "weights import": ("weights", "import", PATH, "--network", "prenet", "-o", "out.safetensors"),
}
OUTPUTS = {
    "image": ("image", "photo.png", "-o", PATH),
    "batch --report": ("batch", "set", "-o", "results", "--report", PAGE),
    "compare": ("compare", "photo.png", "same=photo.png", "-o", PATH),
    "eval --report": ("eval", "set", "--results", "set/target", "--report", PAGE),
}
FOLDERS = {
    "attn": ("attn", "photo.png", "-o", PATH, "--figure", "none"),
    "batch": ("batch", "set", "-o", PATH),
    "synth": ("synth", "photo.png", "-o", PATH),
    "train": ("train", "config.toml", "--out", PATH),
}

UNREADABLE = {
    "a name with a newline": "two\nlines.png",
    "a path of 4,200 bytes": "n/" * 2100 + "a.png",
    "below a file": "photo.png/a.png",
    "in a closed folder": "closed/photo.png",
    "a closed file": "closed.png",
    "a link to nothing": "broken.png",
    "a link in a circle": "circle.png",
    "a pipe": "pipe.png",
    "a socket": "socket.png",
    "a link to an endless device": "zero.png",
    "an empty device": "/dev/null",
    "text": "notes.txt",
}
UNWRITABLE = {
    "below a file": "photo.png/a.png",
    "a name of 260 bytes": "n" * 256 + ".png",
    "in a closed folder": "closed/new.png",
    "a link in a circle": "circle.png",
    "a pipe": "pipe.png",
    "a device": "/dev/null",
}
NO_FOLDER = {
    "a file": "photo.png",
    "below a file": "photo.png/a",
    "in a closed folder": "closed/new",
    "a link to nothing": "broken.png",
    "a device": "/dev/null",
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "closed/photo.png", "closed.png"):
        write_picture(Path(name), scene(0))
    write_set(Path("set"), count=1)
    Path("empty").mkdir()
    Path("notes.txt").write_text("no picture")
    Path("config.toml").write_text(
        'network = "prenet"\n[data]\nvalidation = "set"\ncrop = 32\n[[data.paired]]\nfolder = "set"\n'
    )
    Path("broken.png").symlink_to("nowhere")
    for name in ("circle.png", "circle.html"):
        Path(name).symlink_to(name)
    Path("zero.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "pipe.html"):
        os.mkfifo(name)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
    for name in ("closed", "closed.png"):
        Path(name).chmod(0)
    with permissions_bind():
        yield
    (tmp_path / "closed").chmod(0o755)


def check(derain, command: tuple[str, ...], path: str) -> None:
    """The command fails with one sentence and leaves no result."""
    before = set(Path().rglob("*.*"))
    page = re.sub(r"\.png$", ".html", path)
    done = derain(*(word.replace(PATH, path).replace(PAGE, page) for word in command))
    assert done.code in (1, 2, 3), done.err
    assert done.err.count("Error: ") == 1, done.err
    assert not [file for file in set(Path().rglob("*.*")) - before if file.parts[0] != "cache"]


EVERY = [*PICTURES.values(), *OTHERS.values(), *OUTPUTS.values(), *FOLDERS.values()]


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_an_empty_path_is_one_sentence(derain, command):
    check(derain, command, "")


@pytest.mark.parametrize("path", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("command", PICTURES.values(), ids=PICTURES)
def test_a_picture_that_cannot_be_read_is_one_sentence(derain, command, path):
    check(derain, command, path)


@pytest.mark.parametrize("path", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("command", OTHERS.values(), ids=OTHERS)
def test_a_file_or_folder_that_cannot_be_read_is_one_sentence(derain, command, path):
    check(derain, command, path)


@pytest.mark.parametrize("path", UNWRITABLE.values(), ids=UNWRITABLE)
@pytest.mark.parametrize("command", OUTPUTS.values(), ids=OUTPUTS)
def test_a_file_that_cannot_be_written_is_one_sentence(derain, command, path):
    check(derain, command, path)


@pytest.mark.parametrize("path", NO_FOLDER.values(), ids=NO_FOLDER)
@pytest.mark.parametrize("command", FOLDERS.values(), ids=FOLDERS)
def test_a_folder_that_cannot_be_written_to_is_one_sentence(derain, command, path):
    check(derain, command, path)


def test_a_closed_folder_among_several_costs_only_itself(derain, random_model):
    done = derain("batch", "set/input", "closed", "-m", random_model, "-o", "results")
    assert (done.code, done.err.count("'closed' cannot be listed")) == (3, 1)
    assert Path("results/1.png").is_file()
