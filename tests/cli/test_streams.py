"""Standard streams that are full, closed or in another encoding, and users without a home.

In processes of their own, since what happens at the end of the interpreter counts.
"""

from __future__ import annotations

import io
import json
import os
import select
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from deraincli.cli import output
from deraincli.errors import OutputError
from deraincli.files import locations

FULL = Path("/dev/full")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(90, 160, (64, 96, 3), dtype=np.uint8)
    PIL.Image.fromarray(noise).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def shell(folder: Path, line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A line of bash, in which `derain` is the command line."""
    function = f'derain() {{ {shlex.quote(sys.executable)} -m deraincli "$@"; }}\n'
    env = {**os.environ, **environment}
    return subprocess.run(["bash", "-c", function + line], cwd=folder, capture_output=True, env=env)


def one_sentence(done: subprocess.CompletedProcess[bytes], text: str) -> None:
    """The command failed with one sentence that holds `text`."""
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 1
    assert line.startswith("Error: ")
    assert text in line


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command", ["--help", "--version", "weights list", "weights info balnet-small --json"]
)
def test_a_full_disk_behind_standard_output_is_told(tmp_path: Path, command: str, unbuffered: str) -> None:
    done = shell(tmp_path, f"derain {command} > /dev/full", PYTHONUNBUFFERED=unbuffered)
    one_sentence(done, "No space left on device")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_picture_that_is_cut_off_is_told(picture: Path, random_model: Path, unbuffered: str) -> None:
    line = f"ulimit -f 8; trap '' XFSZ; derain image a.png -qo - --format tiff -m {random_model} > cut.tif"
    one_sentence(shell(picture.parent, line, PYTHONUNBUFFERED=unbuffered), "File too large")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("derain weights list >&-", "Standard output is closed"),
        ("derain --help >&-", "Standard output is closed"),
        ("derain image - -o b.png -q <&-", "Standard input is closed"),
        ("derain image - -o b.png -q 0> written", "Standard input cannot be read"),
    ],
)
def test_closed_streams_are_told(tmp_path: Path, line: str, text: str) -> None:
    one_sentence(shell(tmp_path, line), text)


@pytest.mark.parametrize("stderr", ["2>&-", "2> /dev/full"])
def test_messages_that_nobody_can_read_do_not_end_the_work(
    picture: Path, random_model: Path, stderr: str
) -> None:
    line = f"derain image a.png -v -o - --format png -m {random_model} {stderr}"
    done = shell(picture.parent, line)
    assert done.returncode == 0
    assert PIL.Image.open(io.BytesIO(done.stdout)).size == (96, 64)


def test_a_reader_that_has_seen_enough_ends_it_in_silence(tmp_path: Path) -> None:
    done = shell(tmp_path, "derain --help | true; exit ${PIPESTATUS[0]}")
    assert (done.returncode in (0, 1), done.stderr) == (True, b"")


def test_a_slow_reader_of_a_pipe_that_does_not_wait_gets_everything(
    picture: Path, random_model: Path
) -> None:
    PIL.Image.open(picture).resize((400, 300)).save(picture)  # more than a pipe holds
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    command = ["image", picture, "-qo", "-", "--format", "bmp", "-m", random_model]
    done = subprocess.Popen(
        [sys.executable, "-m", "deraincli", *command], stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    select.select([reader], [], [])
    with os.fdopen(reader, "rb") as pipe:
        assert PIL.Image.open(io.BytesIO(pipe.read())).size == (400, 300)
    assert done.communicate() == (None, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-16"])
def test_json_is_utf_8_in_every_locale(picture: Path, random_model: Path, encoding: str) -> None:
    name = "grün 😀.png"
    picture.rename(picture.with_name(name))
    line = f"derain image '{name}' -o b.png --json -m {random_model}"
    done = shell(picture.parent, line, PYTHONIOENCODING=encoding)
    assert json.loads(done.stdout.decode("utf-8"))["source"] == name


@pytest.mark.parametrize("label", ["clips [/a].png", "[bold]b.png"])
def test_a_bar_shows_square_brackets_as_they_are(monkeypatch: pytest.MonkeyPatch, label: str) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stderr", Terminal())
    output.stderr.cache_clear()
    meter = output.Meter(label, shown=True, patience=0)
    meter(1, 3, label)
    meter.close()
    output.stderr.cache_clear()
    assert sys.stderr.getvalue().count(label) >= 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("folder", [".", "/", "", ".."])
def test_a_folder_is_no_picture(derain, folder: str) -> None:
    done = derain("image", folder)
    assert done.err.count("Error: ") == 1
    assert done.code in (1, 2)


def test_attn_refuses_a_folder_without_a_name(derain) -> None:
    assert derain("attn", "/").code == 2


@pytest.mark.parametrize("folder", [".", "/", ".."])
def test_a_folder_is_no_checkpoint(derain, folder: str) -> None:
    done = derain("weights", "import", folder, "--network", "agan")
    assert done.code == 1
    assert f"'{folder}' is a folder" in done.err


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The place of temporary files, for a user without a home."""

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    # Set, so that it is as it was after the test, and empty, which is as good as unset.
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    return tmp_path


def test_without_a_home_the_cache_is_a_private_temporary_folder(homeless: Path) -> None:
    folder = locations.cache_folder()
    assert folder.parent.parent == homeless
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    locations.give_homeless_users_a_cache()
    assert os.environ["XDG_CACHE_HOME"] == str(folder.parent)  # which other packages heed, too
    assert locations.cache_folder() == folder


def test_a_cache_that_others_can_write_is_refused(homeless: Path) -> None:
    locations.cache_folder().parent.chmod(0o777)
    with pytest.raises(OutputError, match="set XDG_CACHE_HOME"):
        locations.cache_folder()


def test_threads_sleep_while_they_wait_unless_the_user_has_chosen() -> None:
    ask = (
        "import os, deraincli; print(os.environ.get('OMP_WAIT_POLICY'))\n"
        "from deraincli.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: print(os.environ.get('OMP_WAIT_POLICY'))"
    )
    env = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}

    def told(**environment: str) -> list[str]:
        command = [sys.executable, "-c", ask, "--version"]
        lines = subprocess.check_output(command, text=True, env=env | environment).split("\n")
        return [lines[0], lines[2]]

    assert told() == ["None", "PASSIVE"]
    assert told(OMP_WAIT_POLICY="ACTIVE") == ["ACTIVE", "ACTIVE"]
