"""Converts big-endian BigTIFFs, which Pillow does not read, to classic TIFFs.

The samples keep their place. Directories with 32-bit offsets are appended after them. The structure follows
TIFF 6.0, section 2, and the BigTIFF specification by Adobe, Aware Systems and LibTIFF.
"""

from __future__ import annotations

import struct

from PIL.ExifTags import IFD

_SIGNATURE = b"MM\0+"
_MOST = 2**32 - 2**16  # the reach of 32-bit offsets, less room for directories
_LONG8, _SIGNED_LONG8, _DIRECTORY8 = 16, 17, 18
_SHORTER = {_LONG8: 4, _SIGNED_LONG8: 9, _DIRECTORY8: 4}
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TYPE_SIZES |= dict.fromkeys(_SHORTER, 8)
_SUB_DIRECTORIES = (IFD.Exif, IFD.GPSInfo)
_DEEPEST = 1_000


def as_classic(data: bytes) -> bytes:
    """Converts a big-endian BigTIFF to a classic TIFF.

    Args:
        data: The whole file, of any format.

    Returns:
        The classic TIFF. Files of other kinds are returned unchanged.

    Raises:
        ValueError: It is damaged, or too large for 32-bit offsets.
        struct.error: It is damaged.
    """
    if data[:4] != _SIGNATURE:
        return data
    if len(data) > _MOST:
        raise ValueError("a big-endian BigTIFF of more than 4 GB")
    (first,) = struct.unpack_from(">Q", data, 8)
    block = bytearray(data)
    block[:8] = b"MM\0*" + struct.pack(">I", _converted(data, block, first))
    return bytes(block)


def _converted(data: bytes, block: bytearray, start: int, depth: int = 0) -> int:
    """Appends the directory at `start` and all that follow it to `block`, and returns its new offset."""
    if start == 0:
        return 0
    if depth > _DEEPEST:
        raise ValueError("its directories never end")
    (count,) = struct.unpack_from(">Q", data, start)
    if start + 8 + 20 * count + 8 > len(data):
        raise ValueError("a directory is cut off")
    entries = b"".join(_entry(data, block, start + 8 + 20 * n, depth) for n in range(count))
    (following,) = struct.unpack_from(">Q", data, start + 8 + 20 * count)
    link = _converted(data, block, following, depth + 1)
    return _append(block, struct.pack(">H", count) + entries + struct.pack(">I", link))


def _entry(data: bytes, block: bytearray, position: int, depth: int) -> bytes:
    """Converts a directory entry from 20 bytes to 12 and appends data that does not fit inside it."""
    tag, kind, count = struct.unpack_from(">HHQ", data, position)
    size = _TYPE_SIZES.get(kind, 1) * count
    (offset,) = struct.unpack_from(">Q", data, position + 12) if size > 8 else (position + 12,)
    if offset + size > len(data):
        raise ValueError("an entry points behind its end")
    body = data[offset : offset + size]
    if kind in _SHORTER:
        values = struct.unpack(f">{count}Q", body)
        if tag in _SUB_DIRECTORIES:
            values = tuple(_converted(data, block, value, depth + 1) for value in values)
        body = struct.pack(f">{count}I", *values)
    if len(body) > 4:
        body = struct.pack(">I", _append(block, body))
    return struct.pack(">HHI", tag, _SHORTER.get(kind, kind), count) + body.ljust(4, b"\0")


def _append(block: bytearray, body: bytes) -> int:
    """Appends bytes at the next even offset and returns that offset."""
    block.extend(bytes(len(block) % 2))
    start = len(block)
    block.extend(body)
    return start
