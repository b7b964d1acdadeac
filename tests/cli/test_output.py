"""What commands print: nothing with --quiet, and tables from which no part of a text is missing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

FOLDER = "2024, a rather long name of a folder for the photos of that year"
"""Three such folders and a picture make a reason longer than any terminal is wide."""


def write_pictures(folder: Path) -> Path:
    """Writes a pair of pictures as a paired set."""
    for half in ("input", "target"):
        (folder / half).mkdir(parents=True)
        PIL.Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(folder / half / "a.png")
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "image set/input/a.png -o out.png -m MODEL",
        "batch set/input -o out -m MODEL",
        "compare set/input/a.png -o page.html -m MODEL",
        "attn set/input/a.png -o maps -m MODEL --figure none",
        "eval set -m MODEL",
        "synth set/target -o made",
        "data inspect set",
        "weights list",
        "weights info MODEL",
        "weights pull balnet-lite-streak",
        "weights push MODEL hf:owner/name --dry-run",
    ],
)
def test_quiet_prints_nothing_whatever_else_is_asked_for(
    derain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_model: Path, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pictures(Path("set"))
    words = [small_model if word == "MODEL" else word for word in command.split()]
    done = derain(*words, "--quiet", "--verbose")
    assert (done.code, done.out, done.err) == (0, b"", "")


@pytest.mark.parametrize("columns", [None, 60])
def test_a_table_shows_every_text_whole(
    derain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random_model: Path, columns: int | None
) -> None:
    """In a pipe each on its line, as tools for text expect, and in a terminal on as many as it needs."""
    monkeypatch.chdir(tmp_path)
    broken = Path(FOLDER, FOLDER, FOLDER, "broken.png")
    broken.parent.mkdir(parents=True)
    broken.write_text("no picture")
    if columns is not None:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    done = derain("batch", broken, "-m", random_model)
    assert done.code == 3
    reason = done.err.partition("Error: ")[2].splitlines()[0]
    assert len(reason) > 200
    lines = re.sub(r"\x1b\[[\d;]*m", "", done.out.decode()).splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    failures = [row for row in rows if len(row) == 2]
    assert columns is not None or len(failures) == 1
    for text, cells in zip((str(broken), reason), zip(*failures, strict=True), strict=True):
        assert "".join(cells).replace(" ", "") == text.replace(" ", "")


def test_a_table_cannot_control_the_terminal(derain, tmp_path) -> None:
    folder = tmp_path / "a\x1b[31mb"
    folder.mkdir()
    PIL.Image.new("RGB", (20, 20)).save(folder / "photo.png")
    done = derain("data", "inspect", folder)
    assert (done.code, b"\x1b" in done.out) == (0, False)
    assert "a\N{REPLACEMENT CHARACTER}[31mb".encode() in done.out


@pytest.mark.parametrize(
    ("command", "step"),
    [
        ("batch photos -m MODEL", "deraincli.restoration.derainer.ModelDerainer.restore"),
        ("attn photos -m MODEL --figure none", "deraincli.restoration.derainer.ModelDerainer.restore"),
        ("eval set -m MODEL", "deraincli.restoration.derainer.ModelDerainer.restore"),
        ("synth photos -o made", "deraincli.datasets.synthetic.make"),
    ],
)
def test_a_command_that_resumes_says_so_when_it_is_interrupted(
    derain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_model: Path, command: str, step: str
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    write_pictures(Path("set"))
    shutil.copytree("set/input", "photos")
    monkeypatch.setattr(step, interrupted)
    done = derain(*(small_model if word == "MODEL" else word for word in command.split()))
    assert done.code == 130
    assert done.err.count("run the same command again to continue") == 1
