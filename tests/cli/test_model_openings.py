"""Every command that takes a model finds and hashes its files once.

Python opens a model file to hash it, or to send it. The library safetensors reads the weights without
Python's `open`, so those readings do not count here.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_shell import ADDRESS, NAME, NEW, Shell, finished
from loopback_hub import LoopbackHub
from paired import scene, write_picture, write_set

from deraincli.model_zoo.catalogue import SHIPPED
from deraincli.model_zoo.resolve import resolve_model

COMMANDS = {
    "image": (2, "image photo.png -o out.png"),
    "image with the specialist": (1, "image photo.png -o out.png --task drop"),
    "batch": (2, "batch set/input -o out"),
    "video": (2, "video clip.mp4 -o out.mp4"),
    "attn": (2, "attn set/input -o out --figure none"),
    "compare": (2, "compare photo.png -o out.html"),
    "compare several": (2, "compare photo.png -o out.html --models balnet-lite-streak,balnet-small,dsc"),
    "eval": (2, "eval set"),
    "bench": (1, "bench --size 32 --repeat 1 --threads 1 --device cpu --precision fp32"),
    "weights list": (len(SHIPPED), "weights list"),
    "weights info": (2, "weights info balnet-lite"),
    "weights pull": (1, "weights pull balnet-lite-streak"),
    "weights verify": (1, "weights verify balnet-small"),
    "weights verify all": (len(SHIPPED), "weights verify"),
    "weights push": (1, "weights push balnet-small hf:me/rain --dry-run --measure set"),
    "weights export": (1, "weights export balnet-small --to safetensors -o out.safetensors"),
}
"""The number of files of the model, and the command."""


class Openings:
    """Counts the openings of the shipped model files by Python while it is switched on."""

    def __init__(self) -> None:
        self.on = False
        self.count: Counter[str] = Counter()
        self._names = {Path(entry.file).name for entry in SHIPPED.values()}
        sys.addaudithook(self._hear)  # stays for the rest of the process

    def _hear(self, event: str, details: tuple[object, ...]) -> None:
        if self.on and event == "open" and isinstance(details[0], str | os.PathLike):
            name = Path(details[0]).name
            if name in self._names:
                self.count[name] += 1


HEARD = Openings()


@pytest.fixture
def openings() -> Iterator[Counter[str]]:
    HEARD.count = Counter()
    HEARD.on = True
    yield HEARD.count
    HEARD.on = False


def test_a_hash_is_an_opening_that_is_counted(openings: Counter[str]) -> None:
    for expected in (1, 2):
        _ = resolve_model("balnet-small").sha256
        assert list(openings.values()) == [expected]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_hashes_each_model_file_once(derain, tmp_path, monkeypatch, openings, command) -> None:
    monkeypatch.chdir(tmp_path)
    write_picture(tmp_path / "photo.png", scene(1))
    write_set(tmp_path / "set", 2)
    if command == "video":
        pytest.importorskip("av")
        from clips import write_clip

        write_clip(tmp_path / "clip.mp4")
    files, line = COMMANDS[command]
    done = derain(*line.split())
    assert done.code == 0, done.err
    times = 2 if command == "weights push" else 1  # what is sent is read once more
    assert list(openings.values()) == [times] * files, openings


def test_a_model_of_the_hub_is_hashed_once(hub: LoopbackHub, shell: Shell, tmp_path: Path) -> None:
    """Python runs `sitecustomize` as it starts, so the process lists the model files that it opens."""
    hub.add(NAME, {"model.safetensors": NEW})
    shell.pull()
    listing = tmp_path / "opened.txt"
    (tmp_path / "sitecustomize.py").write_text(f"""
import os, sys
listing = os.open({str(listing)!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def hear(event, details):
    if event == "open" and str(details[0]).endswith("model.safetensors"):
        os.write(listing, b"opened\\n")
sys.addaudithook(hear)
""")
    path = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    for command in ("info", "verify"):
        listing.write_text("")
        finished(shell.start("weights", command, ADDRESS, PYTHONPATH=path))
        assert listing.read_text() == "opened\n", command
