"""Where `derain image` and `derain video` put a result, and what they refuse before the work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from paired import scene, write_picture

from deraincli.runtime.installation import is_installed

every_command = pytest.mark.parametrize(("command", "name"), [("image", "in.png"), ("video", "in.mp4")])


@pytest.fixture(autouse=True)
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photo and, if videos can be read, a video."""
    write_picture(tmp_path / "in.png", scene(0))
    if is_installed("av"):
        from clips import write_clip

        write_clip(tmp_path / "in.mp4")
    monkeypatch.chdir(tmp_path)


def require(command: str) -> None:
    if command == "video":
        pytest.importorskip("av")


@every_command
def test_a_terminal_is_refused(command: str, name: str) -> None:
    require(command)
    pty = pytest.importorskip("pty")
    ours, terminal = pty.openpty()
    try:
        arguments = [command, name, "-o", "-", "--format", Path(name).suffix[1:]]
        done = subprocess.run(
            [sys.executable, "-m", "deraincli", *arguments],
            stdout=terminal,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(terminal)
        os.close(ours)
    assert done.returncode == 1
    assert "is not written to a terminal" in done.stderr
    assert "-o FILE" in done.stderr


@every_command
def test_a_folder_keeps_the_name_and_no_folder_puts_it_beside(derain, command: str, name: str) -> None:
    require(command)
    Path("out").mkdir()
    beside = Path(name).with_stem("in.derained")
    for there, options in ((Path("out", name), ("-o", "out")), (beside, ())):
        there.write_bytes(b"somebody's")
        done = derain(command, name, *options)
        assert done.code == 1
        assert f"'{there}' exists" in done.err
        assert there.read_bytes() == b"somebody's"


@every_command
def test_outputs_without_a_name_or_with_too_long_a_one_are_refused(derain, command: str, name: str) -> None:
    require(command)
    Path("out").mkdir()
    unnamed = derain(command, "-", "-o", "out")
    assert (unnamed.code, "standard input has no name" in unnamed.err) == (2, True)
    long = derain(command, name, "-o", "n" * 300 + Path(name).suffix)
    assert (long.code, "name" in long.err) == (1, True), long.err
    empty = derain(command, name, "-o", "")
    assert (empty.code, "A path needs a name" in empty.err) == (2, True)


@every_command
def test_a_suffix_that_contradicts_the_format_is_noted(derain, command: str, name: str) -> None:
    require(command)
    other, format = {"image": ("out.png", "webp"), "video": ("out.mp4", "mkv")}[command]
    arguments = (command, name, "-m", "nowhere.safetensors", "--format", format)  # noted before the work
    assert f"Note: '{other}' will hold" in derain(*arguments, "-o", other).err
    assert "will hold" not in derain(*arguments, "-o", f"out.{format}").err
