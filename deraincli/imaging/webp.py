"""Reads the chunks of WebP files: where the picture ends, and whether it is lossless.

Specification: RFC 9649.
"""

from __future__ import annotations

_HEADER = 12
"""Bytes before the first chunk: RIFF, the length, WEBP."""
_CHUNK_HEADER = 8
"""Bytes of the type and the length of a chunk."""


def end(data: bytes) -> int:
    """Returns where the file ends by the length in its header.

    Args:
        data: The whole file.
    """
    return 8 + int.from_bytes(data[4:8], "little")


def is_lossless(data: bytes) -> bool:
    """Returns whether the colours of a still picture are stored without loss.

    Args:
        data: The whole file.
    """
    place = _HEADER
    while place < len(data):
        kind = data[place : place + 4]
        if kind in (b"VP8 ", b"VP8L"):
            return kind == b"VP8L"
        length = int.from_bytes(data[place + 4 : place + _CHUNK_HEADER], "little")
        place += _CHUNK_HEADER + length + length % 2
    return False
