"""Reads and writes boxes of AVIF files that Pillow does not expose, for bit depth and colour space.

Specifications: AV1-ISOBMFF, section 2.3; ISO/IEC 14496-12, section 12.1.5; ITU-T H.273 for code points.
"""

from __future__ import annotations

_COLOURS = b"colrnclx"
_UNSPECIFIED, _BT709, _SRGB_CURVE = 2, 1, 13
_SRGB_PRIMARIES = (_BT709, _UNSPECIFIED)
_SRGB_CURVES = (_SRGB_CURVE, _BT709, _UNSPECIFIED, 6)  # 6 is BT.601's code for the curve of BT.709


def is_deeper_than_8_bit(data: bytes) -> bool:
    """Returns whether the AV1 codec configuration box sets high_bitdepth.

    Args:
        data: The whole file.

    Returns:
        True for 10 or 12 bits per channel.
    """
    box = data.find(b"av1C")
    return box >= 0 and bool(int.from_bytes(data[box + 6 : box + 7], "big") & 0x40)


def colour_chunks(data: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Returns the colour space as PNG's cICP chunk states it.

    Args:
        data: The whole file.

    Returns:
        Type and body of one cICP chunk. Empty if the file states sRGB or no colour space.
    """
    box = data.find(_COLOURS)
    points = data[box + len(_COLOURS) :][:4] if box >= 0 else b""
    if len(points) < 4:
        return ()
    primaries, curve = points[1], points[3]
    if primaries in _SRGB_PRIMARIES and curve in _SRGB_CURVES:
        return ()
    return ((b"cICP", bytes((primaries, curve, 0, 1))),)


def with_colours(data: bytes, cicp: bytes) -> bytes:
    """Writes the primaries and the transfer curve of a cICP chunk into an encoded file.

    Args:
        data: A file that Pillow encoded.
        cicp: Body of the cICP chunk.

    Returns:
        The changed file.
    """
    start = data.index(_COLOURS) + len(_COLOURS)
    return data[:start] + bytes((0, cicp[0], 0, cicp[1])) + data[start + 4 :]
