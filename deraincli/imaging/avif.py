"""AVIF at the level of its boxes: depth, and colours by code points.

Specifications: AV1-ISOBMFF, section 2.3; ISO/IEC 14496-12, section 12.1.5; code points: ITU-T H.273.
"""

from __future__ import annotations

_COLOURS = b"colrnclx"
_UNSPECIFIED, _BT709, _SRGB_CURVE = 2, 1, 13
_SRGB_PRIMARIES = (_BT709, _UNSPECIFIED)
_SRGB_CURVES = (_SRGB_CURVE, _BT709, _UNSPECIFIED, 6)  # 6 is BT.601's name for the curve of BT.709


def is_deeper_than_8_bit(data: bytes) -> bool:
    """Read high_bitdepth of the AV1 codec configuration box."""
    box = data.find(b"av1C")
    return box >= 0 and bool(int.from_bytes(data[box + 6 : box + 7], "big") & 0x40)


def colour_chunks(data: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """The colours as PNG's cICP chunk tells them; nothing where they are sRGB's or untold."""
    box = data.find(_COLOURS)
    points = data[box + len(_COLOURS) :][:4] if box >= 0 else b""
    if len(points) < 4:
        return ()
    primaries, curve = points[1], points[3]
    if primaries in _SRGB_PRIMARIES and curve in _SRGB_CURVES:
        return ()
    return ((b"cICP", bytes((primaries, curve, 0, 1))),)


def with_colours(data: bytes, cicp: bytes) -> bytes:
    """Write the primaries and the curve of a cICP chunk into a file that Pillow has encoded."""
    start = data.index(_COLOURS) + len(_COLOURS)
    return data[:start] + bytes((0, cicp[0], 0, cicp[1])) + data[start + 4 :]
