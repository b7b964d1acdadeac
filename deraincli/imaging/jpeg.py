"""JPEG at the level of its segments: whether the picture is whole, and what lies beside it.

Specification: ITU-T T.81, annex B.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import simplejpeg

# Stuffed zeros, restart markers and fill bytes are no such marker, so one ends entropy-coded data as well.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN, _END_OF_IMAGE, _COMMENT = 0xDA, 0xD9, 0xFE
_APP1, _APP13 = 0xE1, 0xED
_DESCRIPTIONS = frozenset((*range(0xE0, 0xEE), 0xEF, _COMMENT))  # 0xEE says how colours are stored
_LAST_COEFFICIENT = 63
_SHORTEST_SCAN = 6
"""Bytes of a scan's header for one component, without its length."""
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_IPTC = b"8BIM\x04\x04"

_DAMAGE = "Corrupt JPEG data"
_SURPLUS_AT_END = re.compile(r"(\d+) extraneous bytes before marker 0xd9")


class Segment(NamedTuple):
    """A marker and what belongs to it."""

    marker: int
    """The byte after 0xFF."""
    start: int
    """Where the marker stands in the file."""
    body: bytes
    """What follows the length; empty for the end-of-image marker."""


def segments(data: bytes) -> Iterator[Segment]:
    """Every segment of the first picture in the file, up to its end-of-image marker.

    Raises:
        ValueError: that marker never comes.
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
    """Make sure that every scan is there and is complete: decoders fill up what is missing.

    Raises:
        ValueError: something is missing or damaged.
    """
    parts = list(segments(data))
    if not _covers_every_coefficient(parts):
        raise ValueError("some of its scans are missing")
    if _is_damaged(parts, data):
        raise ValueError("its compressed data is damaged")


def behind(data: bytes) -> bytes:
    """What stands behind the first picture, without padding: a video, a gain map, a preview."""
    end = next(part.start for part in segments(data) if part.marker == _END_OF_IMAGE)
    return data[end + 2 :].strip(b"\0\xff")


def left_out(data: bytes) -> Iterator[str]:
    """Name the descriptions in the file that no other format has a place for."""
    for marker, _, body in segments(data):
        if marker == _APP13 and _IPTC in body:
            yield "IPTC"
        elif marker == _COMMENT and body.strip(b"\0 "):
            yield "comment"
        elif marker == _APP1 and body.startswith(_EXTENDED_XMP):
            yield "extended XMP"


def _covers_every_coefficient(parts: list[Segment]) -> bool:
    """Whether each component's 64 coefficients were sent to their last bit (T.81, G.1.1.1).

    Raises:
        ValueError: the header of a scan is damaged.
    """
    frame = next((part.body for part in parts if part.marker in _START_OF_FRAME), b"")
    wanted = {(component, k) for component in frame[6::3] for k in range(_LAST_COEFFICIENT + 1)}
    any_frame = bool(wanted)
    for scan in (part.body for part in parts if part.marker == _START_OF_SCAN):
        if len(scan) < _SHORTEST_SCAN or len(scan) != 4 + 2 * scan[0]:
            raise ValueError("the header of a scan is damaged")
        components, (first, last, bits) = scan[1 : 1 + 2 * scan[0] : 2], scan[-3:]
        if bits & 15 == 0:  # the lowest bit still to come
            wanted -= {(component, k) for component in components for k in range(first, last + 1)}
    return any_frame and not wanted


def _is_damaged(parts: list[Segment], data: bytes) -> bool:
    """Let libjpeg read all scans, and hear the warnings that Pillow passes over.

    An eighth of the size is the fastest, and reads the same data. An error of another kind says nothing
    about the data: Pillow has the last word on varieties.
    """
    end = parts[-1].start
    try:
        simplejpeg.decode_jpeg(_bare(parts, data), colorspace="GRAY", min_height=1, min_width=1, min_factor=8)
    except ValueError as error:
        return str(error).startswith(_DAMAGE) and not _is_padding(str(error), data[:end])
    return False


def _bare(parts: list[Segment], data: bytes) -> bytes:
    """The picture without descriptions, of which libjpeg would complain first and then fall silent."""
    scans = next(part.start for part in parts if part.marker == _START_OF_SCAN)
    header = (part for part in parts if part.start < scans and part.marker not in _DESCRIPTIONS)
    tables = (data[part.start : part.start + 4 + len(part.body)] for part in header)
    return b"".join((data[:2], *tables, data[scans : parts[-1].start], b"\xff\xd9"))


def _is_padding(reason: str, data: bytes) -> bool:
    """Whether libjpeg complains of nothing but one byte repeated behind the last scan."""
    found = _SURPLUS_AT_END.search(reason)
    return found is not None and len(set(data[-int(found[1]) :])) == 1
