"""Writes a file completely or not at all. It replaces another file only on request."""

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
"""Age in seconds since its last change from which a temporary file counts as left by a killed run."""


def check_destination(path: Path, *, overwrite: bool) -> None:
    """Checks before the work starts whether a file can be written.

    Args:
        path: The file to write.
        overwrite: Whether an existing file may be replaced.

    Raises:
        ExistsError: The file exists and `overwrite` is False.
        OutputError: The folder is missing or not writable, the path is a folder or a device, or the system
            rejects the path, for example because the name is too long.
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
            raise OutputError(f"'{path}' is not a regular file and is not replaced: choose another output.")


def write_atomically(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Writes a file completely or not at all, like `open_atomically`.

    Args:
        path: The file to write.
        data: Its content.
        overwrite: Whether an existing file may be replaced.

    Raises:
        ExistsError: The file exists and `overwrite` is False.
        OutputError: The file cannot be written.
    """
    with open_atomically(path, overwrite=overwrite) as file:
        file.write(data)


@contextmanager
def open_atomically(path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Opens a hidden temporary file beside a path, and renames it when the block ends without an error.

    The path never holds part of the data. Without `overwrite`, no file is replaced, not even one that
    appears during the block. A new file gets the permissions of the process's umask. A replaced file keeps
    its permissions. A symbolic link stays, and its target is replaced. The temporary file is always removed,
    even after Ctrl-C.

    Args:
        path: The file to write.
        overwrite: Whether an existing file may be replaced.

    Yields:
        The temporary file.

    Raises:
        ExistsError: The file exists and `overwrite` is False.
        OutputError: The file cannot be written. `check_destination` lists some reasons, and the disk may be
            full.
    """
    try:
        check_destination(path, overwrite=overwrite)
        place = Path(os.path.realpath(path)) if overwrite else path
        # The temporary name is short, because the picture's name may already have the maximum length.
        temporary = place.with_name(f".{secrets.token_hex(8)}.derain")
        try:
            with temporary.open("xb") as file:
                if place.exists():
                    temporary.chmod(stat.S_IMODE(place.stat().st_mode))
                yield file
                file.flush()
                _sync(file)
            if overwrite:
                temporary.replace(place)
            else:
                _publish(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except BrokenPipeError:
        raise  # of standard output, to which the block writes as well
    except OSError as error:
        raise _unwritable(path, error) from error


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files that killed runs left in a folder, and ignores errors.

    Younger files than LEFTOVER_SECONDS stay, because another run may still be writing them.

    Args:
        folder: The folder. Its sub-folders are not searched.
    """
    leftovers: list[Path] = []
    with suppress(OSError):
        leftovers = [path for path in folder.iterdir() if re.fullmatch(r"\.[0-9a-f]{16}\.derain", path.name)]
    for path in leftovers:
        with suppress(OSError):  # of one file, which must not keep the others
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and time.time() - status.st_mtime > LEFTOVER_SECONDS:
                path.unlink()


def _sync(file: BinaryIO) -> None:
    """Flushes a file to the disk. Some network mounts do not support this, and their error is ignored."""
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def _publish(temporary: Path, path: Path) -> None:
    """Gives the finished file its name. Raises ExistsError if the name has been taken meanwhile."""
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
