"""Finds the boxes of files that are built as ISO/IEC 14496-12 describes, such as HEIC, JPEG XL and MP4."""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap
from typing import NamedTuple

_PLAIN_HEAD, _LONG_HEAD = 8, 16
"""Bytes of a box before its body, without and with a length of 64 bits."""


class Box(NamedTuple):
    """Where a box lies in its file."""

    kind: bytes
    """Its four letters."""
    body: int
    """Offset of its body."""
    end: int
    """Offset behind it. It lies behind the file if the file is cut off."""


def boxes(data: bytes | mmap) -> Iterator[Box]:
    """Yields the outermost boxes of a file. Stops at a length that is impossible.

    Args:
        data: The whole file.
    """
    place = 0
    while place + _PLAIN_HEAD <= len(data):
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        head = _LONG_HEAD if length == 1 else _PLAIN_HEAD
        if length == 1:
            length = int.from_bytes(data[place + 8 : place + 16], "big")
        end = place + length if length else len(data)  # 0 stands for the rest of the file
        if end < place + head:
            return
        yield Box(kind, place + head, end)
        place = end
