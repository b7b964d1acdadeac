"""Writing a file so that it is there whole or not at all, and never replaces another unasked."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from deraincli.errors import OutputError


def check_destination(path: Path, *, overwrite: bool) -> None:
    """Find out before the work, rather than after it, that `path` cannot be written.

    Raises:
        OutputError: its folder is missing or not writable, it is a folder or a device, it exists and
            `overwrite` is False, or its name is too long and the like.
    """
    try:
        _check_destination(path, overwrite)
    except OSError as error:
        raise _unwritable(path, error) from error


def _check_destination(path: Path, overwrite: bool) -> None:
    folder = path.parent
    if not folder.is_dir():
        raise OutputError(f"There is no folder '{folder}' to write '{path.name}' to: create it first.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"The folder '{folder}' is not writable: choose another output.")
    if path.is_dir():
        raise OutputError(f"'{path}' is a folder: name a file as output.")
    if os.path.lexists(path):
        if not overwrite:
            raise _exists(path)
        if path.exists() and not path.is_file():
            raise OutputError(f"'{path}' is no regular file and is not replaced: choose another output.")


def write_atomically(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Write `data` as `open_atomically` does."""
    with open_atomically(path, overwrite=overwrite) as file:
        file.write(data)


@contextmanager
def open_atomically(path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Open a hidden temporary file beside `path` for writing, and rename it when the block ends well.

    `path` never holds part of the data, and without `overwrite` no file is ever replaced, not even one
    that appears in the meantime. A new file gets the permissions of the process's umask, a replaced
    one keeps its own; a symbolic link stays and its target is replaced. The temporary file is
    removed whatever happens, Ctrl-C included.

    Raises:
        OutputError: as `check_destination`, or the disk is full, the name too long and the like.
    """
    try:
        check_destination(path, overwrite=overwrite)
        if overwrite:
            path = Path(os.path.realpath(path))
        # A short name of its own: the picture's own name may already be as long as names can be.
        temporary = path.with_name(f".{secrets.token_hex(8)}.derain")
        try:
            with temporary.open("xb") as file:
                if path.exists():
                    temporary.chmod(stat.S_IMODE(path.stat().st_mode))
                yield file
                file.flush()
                os.fsync(file.fileno())
            if overwrite:
                temporary.replace(path)
            else:
                _publish(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def _publish(temporary: Path, path: Path) -> None:
    """Give the finished file its name, which fails if anything has that name by now."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError:  # no hard links on this file system (exFAT, some network drives)
        _claim_and_fill(temporary, path)


def _claim_and_fill(temporary: Path, path: Path) -> None:
    try:
        path.open("xb").close()
    except FileExistsError as error:
        raise _exists(path) from error
    try:
        temporary.replace(path)
    except BaseException:
        path.unlink()
        raise


def _exists(path: Path) -> OutputError:
    return OutputError(f"'{path}' exists: choose another output, or allow replacing it with --overwrite.")


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"'{path}' cannot be written: {error.strerror or error}.")
