"""Standard streams that fail in sentences: closed, on a full disk, or in another encoding."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from deraincli.errors import InputError, OutputError


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Has the standard streams fail in sentences inside the block, rather than with a traceback.

    Standard output raises OutputError where it is closed or its disk is full, and never loses a part in
    silence. File names may be no Unicode, so it escapes what it cannot encode, as JSON does. Standard
    input raises InputError where it is closed. Messages that stderr cannot take are dropped, since no work
    should end for them.
    """
    _occupy_closed_numbers()
    before = sys.stdin, sys.stdout, sys.stderr
    out, err = _Guarded(sys.stdout, vital=True), _Guarded(sys.stderr, vital=False)
    sys.stdout, sys.stderr = out.as_text(), err.as_text()
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_ClosedInput()))
    try:
        yield
    finally:
        out.over = err.over = True
        sys.stdin, sys.stdout, sys.stderr = before


class _Guarded(io.RawIOBase):
    """Standard output or stderr; `vital`: whether it raises OutputError when it cannot be written."""

    def __init__(self, stream: TextIO | None, *, vital: bool) -> None:
        """`stream`: None where it is closed."""
        self._stream = stream
        self._vital = vital
        self.over = False
        """Whether what still comes is dropped."""

    def as_text(self) -> TextIO:
        """A text stream that writes here."""
        encoding = self._stream.encoding if self._stream is not None else "utf-8"
        writer = io.BufferedWriter(self)
        return io.TextIOWrapper(writer, encoding, errors="backslashreplace", line_buffering=True)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("closed")
        return self._stream.fileno()

    def write(self, data: Any) -> int | None:
        """Writes a part or all; the buffer above comes again for the rest."""
        if self.over or (self._stream is None and not self._vital):
            return len(data)
        if self._stream is None:
            raise OutputError("Standard output is closed: redirect it to a file, or give -o FILE.")
        buffer = self._stream.buffer
        try:
            return int(getattr(buffer, "raw", buffer).write(data))
        except OSError as error:
            if not self._vital:
                return len(data)
            if isinstance(error, BrokenPipeError):
                raise
            raise OutputError(f"Standard output cannot be written: {error.strerror or error}.") from error


class _ClosedInput(io.RawIOBase):
    """Standard input where it is closed."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise InputError("Standard input is closed: pipe something in, or name a file.")


def _occupy_closed_numbers() -> None:
    """Opens the null device for each standard stream that is closed.

    Otherwise the next file that is opened gets its number, and what libraries print would go there.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
