"""Converts BigTIFFs to classic TIFFs, because Pillow reads only little-endian ones, and not all of them.

The samples keep their place. Directories with 32-bit offsets are appended after them. The structure follows
TIFF 6.0, section 2, and the BigTIFF specification by Adobe, Aware Systems and LibTIFF.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from PIL.ExifTags import IFD

from deraincli.imaging.tiff_directory import TYPE_SIZES, append

_ORDERS = {b"II+\0": "<", b"MM\0+": ">"}
_CLASSIC = 42
_MOST = 2**32 - 2**16  # the reach of 32-bit offsets, less room for directories
_DIRECTORY4, _LONG8, _SIGNED_LONG8, _DIRECTORY8 = 13, 16, 17, 18
_SHORTER = {_LONG8: 4, _SIGNED_LONG8: 9, _DIRECTORY8: 4}
_TYPE_SIZES = TYPE_SIZES | {_DIRECTORY4: 4} | dict.fromkeys(_SHORTER, 8)
_SUB_DIRECTORIES = (IFD.Exif, IFD.GPSInfo)
_DEEPEST = 1_000
_LARGEST_GROWTH = 3
"""Largest size of the result in sizes of the file. Without shared data, it is at most 2."""


def as_classic(data: bytes) -> bytes:
    """Converts a BigTIFF to a classic TIFF.

    Args:
        data: The whole file, of any format.

    Returns:
        The classic TIFF. Files of other kinds are returned unchanged, as are little-endian BigTIFFs that are
        too large for 32-bit offsets.

    Raises:
        ValueError: It is damaged, or big-endian and too large for 32-bit offsets.
        struct.error: It is damaged.
    """
    order = _ORDERS.get(data[:4])
    if order is None or (order == "<" and len(data) > _MOST):
        return data
    if len(data) > _MOST:
        raise ValueError("a big-endian BigTIFF of more than 4 GB")
    (first,) = struct.unpack_from(f"{order}Q", data, 8)
    block = bytearray(data)
    converted = _Conversion(data, block, order, {}).directory(first)
    block[:8] = data[:2] + struct.pack(f"{order}HI", _CLASSIC, converted)
    return bytes(block)


class _Conversion(NamedTuple):
    data: bytes
    """The BigTIFF."""
    block: bytearray
    """A copy, to which classic directories are appended."""
    order: str
    """Byte order, `<` or `>`."""
    begun: dict[int, int]
    """Where the classic directory is, by the offset of the other. 0 until it is complete."""

    def directory(self, start: int, depth: int = 0) -> int:
        """Appends the directory at `start` and all that follow it, and returns its new offset."""
        if start == 0 or self.begun.get(start):
            return self.begun.get(start, 0)
        if depth > _DEEPEST or start in self.begun:
            raise ValueError("its directories never end")
        self.begun[start] = 0
        (count,) = struct.unpack_from(f"{self.order}Q", self.data, start)
        if start + 8 + 20 * count + 8 > len(self.data):
            raise ValueError("a directory is cut off")
        entries = b"".join(self._entry(start + 8 + 20 * n, depth) for n in range(count))
        (following,) = struct.unpack_from(f"{self.order}Q", self.data, start + 8 + 20 * count)
        link = struct.pack(f"{self.order}I", self.directory(following, depth + 1))
        self.begun[start] = self._append(struct.pack(f"{self.order}H", count) + entries + link)
        return self.begun[start]

    def _entry(self, position: int, depth: int) -> bytes:
        """Converts a directory entry from 20 bytes to 12 and appends data that does not fit inside it."""
        tag, kind, count = struct.unpack_from(f"{self.order}HHQ", self.data, position)
        size = _TYPE_SIZES.get(kind, 1) * count
        place = position + 12
        if size > 8:
            (place,) = struct.unpack_from(f"{self.order}Q", self.data, place)
        if place + size > len(self.data):
            raise ValueError("an entry points behind its end")
        body = self.data[place : place + size]
        if kind in _SHORTER:
            values = struct.unpack(f"{self.order}{count}Q", body)
            if tag in _SUB_DIRECTORIES:
                values = tuple(self.directory(value, depth + 1) for value in values)
            body = struct.pack(f"{self.order}{count}I", *values)
        if len(body) > 4:
            body = struct.pack(f"{self.order}I", self._append(body))
        kind = _SHORTER.get(kind, kind)
        return struct.pack(f"{self.order}HHI", tag, kind, count) + body.ljust(4, b"\0")

    def _append(self, body: bytes) -> int:
        """Appends bytes at the next even offset and returns that offset.

        Raises:
            ValueError: The directories hold more than the file, because they claim the same data again and
                again.
        """
        if len(self.block) + len(body) > _LARGEST_GROWTH * len(self.data):
            raise ValueError("its directories claim more than it holds")
        return append(self.block, body)
