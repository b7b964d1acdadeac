"""Writing a file so that it is there whole or not at all, and never replaces another unasked."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from deraincli.errors import ExistsError, OutputError

LEFTOVER_SECONDS = 3600.0
"""A temporary file that was not written to for so long belongs to no run any more."""


def check_destination(path: Path, *, overwrite: bool) -> None:
    """Find out before the work, rather than after it, that `path` cannot be written.

    Raises:
        ExistsError: it exists and `overwrite` is False.
        OutputError: its folder is missing or not writable, it is a folder or a device, or its name is too
            long and the like.
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
                _sync(file)
            if overwrite:
                temporary.replace(path)
            else:
                _publish(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files that killed runs left in a folder, as far as it can: old ones only, since
    another run may be at work there."""
    with suppress(OSError):
        for path in folder.iterdir():
            if re.fullmatch(r"\.[0-9a-f]{16}\.derain", path.name):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode) and time.time() - status.st_mtime > LEFTOVER_SECONDS:
                    path.unlink()


def _sync(file: BinaryIO) -> None:
    """Has the disk keep the data, where the file system knows how: some network mounts do not."""
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


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


def _exists(path: Path) -> ExistsError:
    return ExistsError(f"'{path}' exists: choose another output, or allow replacing it with --overwrite.")


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"'{path}' cannot be written: {error.strerror or error}.")
