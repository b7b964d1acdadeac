"""The README's commands, run as they stand."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def commands(start: str, *, section: str = "") -> list[str]:
    """The indented commands of a section (or all) that begin with `start`, without comments.

    `pip install . &&` is done already.
    """
    text = README.split(f"\n## {section}\n")[1].split("\n## ")[0] if section else README
    lines = [line[4:].split("  #")[0].strip() for line in text.splitlines() if line.startswith("    ")]
    lines = [line.removeprefix("pip install . && ") for line in lines]
    return [line for line in lines if line.startswith(start)]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the example pictures and the names that the README uses."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    small = PIL.Image.open(ROOT / "examples/rainy_chelsea.jpg").crop((0, 0, 96, 64))
    for name in ("photo.jpg", "in.jpg", "photo.tif", "window.jpg"):
        small.save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_first_command_restores_the_example(derain, workplace: Path) -> None:
    first = commands("derain image")[0]
    assert "examples/" in first
    assert derain(*shlex.split(first)[1:]).code == 0
    before, after = (
        np.asarray(PIL.Image.open(p)) for p in (workplace / "examples/rainy_coffee.jpg", "clean.jpg")
    )
    assert before.shape == after.shape
    assert np.abs(before.astype(int) - after).mean() > 1


def test_the_picture_commands_work(derain, workplace: Path) -> None:
    lines = commands("derain image", section="Restoring a picture")
    assert len(lines) >= 5
    for line in lines:
        words, _, source = line.partition(" < ")
        given = (workplace / source).read_bytes() if source else b""
        arguments = [word if word != "cuda" else "cpu" for word in shlex.split(words)[1:]]
        assert derain(*arguments, stdin=given).code == 0, line


def test_the_python_example_runs() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {"image": PIL.Image.new("RGB", (40, 30))}
    exec(block, names)
    assert names["clean"].size == (40, 30)
    assert names["maps"].ram.shape == (30, 40)


def test_every_link_leads_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README) + re.findall(r"`([\w/-]+\.(?:md|py|toml|jpg))`", README)
    local = [target for target in targets if not target.startswith("http") and "/" in target]
    assert local
    assert [
        target for target in local if not (ROOT / target).exists() and not target.startswith("runs/")
    ] == []
