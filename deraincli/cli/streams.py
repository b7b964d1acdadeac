"""Standard streams that report clear errors if they are closed, their disk is full or a text does not fit."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from deraincli.errors import InputError, OutputError


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Replaces the standard streams within the block by ones that fail with a sentence, not with a traceback.

    Standard output raises OutputError if it is closed or its disk is full, so that no part is lost silently.
    It escapes characters that it cannot encode, because file names need not be Unicode. Standard input raises
    InputError if it is closed. Messages that stderr cannot take are dropped, because they should not stop the
    work.

    Yields:
        Nothing.
    """
    _occupy_closed_numbers()
    before = sys.stdin, sys.stdout, sys.stderr
    out, err = _GuardedOutput(sys.stdout, vital=True), _GuardedOutput(sys.stderr, vital=False)
    sys.stdout, sys.stderr = out.as_text(), err.as_text()
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_ClosedInput()))
    try:
        yield
    finally:
        out.over = err.over = True
        sys.stdin, sys.stdout, sys.stderr = before


class _GuardedOutput(io.RawIOBase):
    """Standard output or stderr."""

    def __init__(self, stream: TextIO | None, *, vital: bool) -> None:
        """Wraps a stream.

        Args:
            stream: The stream, None if it is closed.
            vital: Whether a failed write raises OutputError. Otherwise the text is dropped.
        """
        self._stream = stream
        self._vital = vital
        self.over = False
        """Whether further text is dropped."""

    def as_text(self) -> TextIO:
        """Returns a text stream that writes to this stream."""
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
        """Writes a part or all of the data. The buffer above calls it again for the rest."""
        if self.over or (self._stream is None and not self._vital):
            return len(data)
        if self._stream is None:
            raise OutputError("Standard output is closed: redirect it to a file, or give -o FILE.")
        buffer = getattr(self._stream.buffer, "raw", self._stream.buffer)
        try:
            # A full pipe that does not wait by itself takes nothing.
            while (count := buffer.write(data)) is None:
                select.select([], [self._stream], [])
            return int(count)
        except OSError as error:
            if not self._vital:
                return len(data)
            if isinstance(error, BrokenPipeError):
                raise
            raise OutputError(f"Standard output cannot be written: {error.strerror or error}.") from error


class _ClosedInput(io.RawIOBase):
    """Replaces a standard input that is closed."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise InputError("Standard input is closed: pipe something in, or name a file.")


def _occupy_closed_numbers() -> None:
    """Opens the null device for each standard stream that is closed.

    Otherwise the next file that is opened gets the number of the stream, and receives what libraries print.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
