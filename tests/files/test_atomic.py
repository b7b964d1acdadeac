"""Writing: whole or not at all, and never over anything unasked."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deraincli.errors import OutputError
from deraincli.files.atomic import (
    LEFTOVER_SECONDS,
    check_destination,
    open_atomically,
    remove_leftovers,
    write_atomically,
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nothing temporary may be left behind."""
    yield tmp_path
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_new_file_has_the_content_and_the_umask_s_permissions(folder: Path) -> None:
    umask = os.umask(0o027)
    try:
        write_atomically(folder / "new.png", b"data", overwrite=False)
    finally:
        os.umask(umask)
    assert (folder / "new.png").read_bytes() == b"data"
    assert stat.S_IMODE((folder / "new.png").stat().st_mode) == 0o640


def test_existing_file_is_refused_or_replaced_on_request(folder: Path) -> None:
    path = folder / "old.png"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with pytest.raises(OutputError, match="--overwrite"):
        write_atomically(path, b"new", overwrite=False)
    assert path.read_bytes() == b"old"
    write_atomically(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_link_stays_a_link(folder: Path) -> None:
    (folder / "real.png").write_bytes(b"old")
    (folder / "link.png").symlink_to("real.png")
    (folder / "dangling.png").symlink_to("nowhere.png")
    for link in ("link.png", "dangling.png"):
        with pytest.raises(OutputError, match="exists"):
            write_atomically(folder / link, b"new", overwrite=False)
    (folder / "loop.png").symlink_to("loop.png")
    write_atomically(folder / "loop.png", b"new", overwrite=True)
    assert (folder / "loop.png").read_bytes() == b"new"
    write_atomically(folder / "link.png", b"new", overwrite=True)
    assert (folder / "link.png").is_symlink()
    assert (folder / "real.png").read_bytes() == b"new"


def test_longest_possible_name(folder: Path) -> None:
    path = folder / ("ü" * 125 + "x.png")
    assert len(path.name.encode()) == 255
    write_atomically(path, b"data", overwrite=False)
    assert path.read_bytes() == b"data"
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomically(folder / ("x" * 256), b"data", overwrite=False)


def test_name_relative_to_the_current_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    write_atomically(Path("here.png"), b"data", overwrite=False)
    assert (folder / "here.png").read_bytes() == b"data"


def test_places_that_cannot_be_written(folder: Path) -> None:
    (folder / "file").write_bytes(b"")
    (folder / "link.png").symlink_to("missing/a.png")
    for path, reason in (
        (folder / "link.png", "link.png' cannot be written"),
        (folder / "missing" / "a.png", "no folder"),
        (folder / "file" / "a.png", "no folder"),
        (folder, "is a folder"),
        (Path("/dev/null"), "not a regular file"),
        (Path("/proc/a.png"), "written|writable"),
    ):
        with pytest.raises(OutputError, match=reason):
            write_atomically(path, b"data", overwrite=True)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="not writable"):
        check_destination(closed / "a.png", overwrite=False)


def _at_sync(monkeypatch: pytest.MonkeyPatch, happens: object) -> None:
    """Let something happen when all data has been written and nothing renamed."""

    def fsync(descriptor: int) -> None:
        if isinstance(happens, BaseException):
            raise happens
        assert callable(happens)
        happens()

    monkeypatch.setattr(os, "fsync", fsync)


def test_file_that_appears_meanwhile_survives(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "a.png"
    _at_sync(monkeypatch, lambda: path.write_bytes(b"somebody else's"))
    with pytest.raises(OutputError, match="exists"):
        write_atomically(path, b"ours", overwrite=False)
    assert path.read_bytes() == b"somebody else's"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("event", "raised"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(errno.ENOSPC, "No space left on device"), OutputError),
    ],
)
def test_interrupted_writing_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, event: BaseException, raised: type, overwrite: bool
) -> None:
    path = folder / "a.png"
    if overwrite:
        path.write_bytes(b"old")
    _at_sync(monkeypatch, event)
    with pytest.raises(raised):
        write_atomically(path, b"new", overwrite=overwrite)
    assert (path.read_bytes() == b"old") if overwrite else not path.exists()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_file_system_that_cannot_be_told_to_sync(folder: Path, monkeypatch, number: int) -> None:
    _at_sync(monkeypatch, OSError(number, os.strerror(number)))
    write_atomically(folder / "a.png", b"data", overwrite=False)
    assert (folder / "a.png").read_bytes() == b"data"


def test_a_pipe_that_breaks_meanwhile_is_not_an_error_of_the_file(folder: Path) -> None:
    with pytest.raises(BrokenPipeError), open_atomically(folder / "new.png", overwrite=False):
        raise BrokenPipeError
    assert not list(folder.iterdir())


def test_leftovers_of_killed_runs_go_and_nothing_else(tmp_path: Path) -> None:
    old = time.time() - LEFTOVER_SECONDS - 60
    names = (
        ".0123456789abcdef.derain",
        ".0123456789abcde.derain",
        "0123456789abcdef.derain",
        ".x.derain",
        "a",
    )
    for name in names:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (old, old))
    (tmp_path / ".aaaaaaaaaaaaaaaa.derain").touch()  # another run may be writing it
    (tmp_path / ".bbbbbbbbbbbbbbbb.derain").mkdir()
    os.utime(tmp_path / ".bbbbbbbbbbbbbbbb.derain", (old, old))
    before = {path.name for path in tmp_path.iterdir()}
    remove_leftovers(tmp_path)
    remove_leftovers(tmp_path / "missing")
    assert before - {path.name for path in tmp_path.iterdir()} == {names[0]}


def test_file_system_without_hard_links(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    write_atomically(folder / "a.png", b"data", overwrite=False)
    assert (folder / "a.png").read_bytes() == b"data"
    _at_sync(monkeypatch, lambda: (folder / "b.png").write_bytes(b"somebody else's"))
    with pytest.raises(OutputError, match="exists"):
        write_atomically(folder / "b.png", b"ours", overwrite=False)
    assert (folder / "b.png").read_bytes() == b"somebody else's"
