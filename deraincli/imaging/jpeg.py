"""Reads the segments of JPEG files to check that they are complete and to find further content.

Specification: ITU-T T.81, annex B.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import simplejpeg

# Stuffed zeros, restart markers and fill bytes do not match, so a match also ends entropy-coded data.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN, _END_OF_IMAGE, _COMMENT = 0xDA, 0xD9, 0xFE
_APP1, _APP13 = 0xE1, 0xED
_DESCRIPTIONS = frozenset((*range(0xE0, 0xEE), 0xEF, _COMMENT))  # 0xEE is excluded: it sets the colour space
_LAST_COEFFICIENT = 63
_MOST_SCANS = 100
"""Largest number of scans that are read. Encoders write about ten. Each can take a few bytes and a second."""
_SHORTEST_SCAN = 6
"""Bytes of the header of a scan of one component, without the length field."""
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_IPTC = b"8BIM\x04\x04"

_DAMAGE = "Corrupt JPEG data"
_SURPLUS_AT_END = re.compile(r"(\d+) extraneous bytes before marker 0xd9")


class Segment(NamedTuple):
    """A marker and its data."""

    marker: int
    """The byte after 0xFF."""
    start: int
    """Offset of the marker in the file."""
    body: bytes
    """Data after the length field. Empty for the end-of-image marker."""


def segments(data: bytes) -> Iterator[Segment]:
    """Finds all segments of the first picture in a file.

    Args:
        data: The whole file.

    Yields:
        The segments up to the end-of-image marker.

    Raises:
        ValueError: There is no end-of-image marker.
    """
    position = 2
    while found := _MARKER.search(data, position):
        marker, length_at = found.group()[1], found.end()
        if marker == _END_OF_IMAGE:
            yield Segment(marker, found.start(), b"")
            return
        position = length_at + int.from_bytes(data[length_at : length_at + 2], "big")
        yield Segment(marker, found.start(), data[length_at + 2 : position])
    raise ValueError("it has no end-of-image marker")


def check(data: bytes) -> None:
    """Checks that all scans are present and complete, because decoders silently fill missing parts.

    Args:
        data: The whole file.

    Raises:
        ValueError: Something is missing or damaged.
    """
    parts = list(segments(data))
    if sum(part.marker == _START_OF_SCAN for part in parts) > _MOST_SCANS:
        raise ValueError(f"it has more than {_MOST_SCANS} scans")
    if not _covers_every_coefficient(parts):
        raise ValueError("some of its scans are missing")
    if _is_damaged(parts, data):
        raise ValueError("its compressed data is damaged")


def end(data: bytes) -> int:
    """Returns the offset of the end of the first picture. A video, a gain map or a preview may follow.

    Args:
        data: The whole file.
    """
    return 2 + next(part.start for part in segments(data) if part.marker == _END_OF_IMAGE)


def left_out(data: bytes) -> Iterator[str]:
    """Lists descriptions in the file that are not kept.

    Args:
        data: The whole file.

    Yields:
        Names for the user. They may repeat.
    """
    for marker, _, body in segments(data):
        if marker == _APP13 and _IPTC in body:
            yield "IPTC"
        elif marker == _COMMENT and body.strip(b"\0 "):
            yield "comment"
        elif marker == _APP1 and body.startswith(_EXTENDED_XMP):
            yield "extended XMP"


def _covers_every_coefficient(parts: list[Segment]) -> bool:
    """Returns whether the scans hold all bits of all 64 coefficients of each component (T.81, G.1.1.1).

    Raises:
        ValueError: The header of a scan is damaged.
    """
    frame = next((part.body for part in parts if part.marker in _START_OF_FRAME), b"")
    wanted = {(component, k) for component in frame[6::3] for k in range(_LAST_COEFFICIENT + 1)}
    any_frame = bool(wanted)
    for scan in (part.body for part in parts if part.marker == _START_OF_SCAN):
        if len(scan) < _SHORTEST_SCAN or len(scan) != 4 + 2 * scan[0]:
            raise ValueError("the header of a scan is damaged")
        components, (first, last, bits) = scan[1 : 1 + 2 * scan[0] : 2], scan[-3:]
        if bits & 15 == 0:  # the number of low bits still to come
            wanted -= {(component, k) for component in components for k in range(first, last + 1)}
    return any_frame and not wanted


def _is_damaged(parts: list[Segment], data: bytes) -> bool:
    """Returns whether libjpeg warns about the data. Pillow ignores these warnings.

    Decoding to an eighth of the size is the fastest and reads the same data. Other errors do not count,
    because Pillow supports more kinds of JPEG and reports errors itself.
    """
    end = parts[-1].start
    try:
        simplejpeg.decode_jpeg(_bare(parts, data), colorspace="GRAY", min_height=1, min_width=1, min_factor=8)
    except ValueError as error:
        return str(error).startswith(_DAMAGE) and not _is_padding(str(error), data[:end])
    return False


def _bare(parts: list[Segment], data: bytes) -> bytes:
    """Returns the picture without descriptions, because libjpeg reports only its first warning."""
    scans = next(part.start for part in parts if part.marker == _START_OF_SCAN)
    header = (part for part in parts if part.start < scans and part.marker not in _DESCRIPTIONS)
    tables = (data[part.start : part.start + 4 + len(part.body)] for part in header)
    return b"".join((data[:2], *tables, data[scans : parts[-1].start], b"\xff\xd9"))


def _is_padding(reason: str, data: bytes) -> bool:
    """Returns whether libjpeg only warns about one repeated byte after the last scan."""
    found = _SURPLUS_AT_END.search(reason)
    return found is not None and len(set(data[-int(found[1]) :])) == 1
