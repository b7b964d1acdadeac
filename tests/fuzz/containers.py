"""Where the parts and the numbers of each file format lie, for mutations that know the structure.

The parsers are lenient. They return what they find in a damaged file and stop at its end.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

MOST = 400
"""Largest number of parts or numbers that are listed: damaged files can claim any number."""


class Part(NamedTuple):
    """A chunk, segment, box, directory entry or line, with everything that belongs to it."""

    start: int
    body: int
    """Where its content begins."""
    end: int


class Number(NamedTuple):
    """A size, offset, count, type or the like."""

    position: int
    code: str
    """As in `struct`, with the byte order."""


class Container(NamedTuple):
    """What a mutation needs to know of a format."""

    parts: Callable[[bytes], list[Part]]
    numbers: Callable[[bytes], list[Number]]
    seal: Callable[[bytes], bytes] = bytes
    """Corrects checksums and overall lengths, so that damage gets past the first check."""
    is_text: bool = False
    is_json: bool = False


def _limited(items: Iterator[Part | Number]) -> list:
    found = []
    try:
        for item in items:
            found.append(item)
            if len(found) == MOST:
                break
    except (struct.error, IndexError, ValueError, RecursionError):
        pass  # what was found before the damage is enough
    return found


def _container(
    parts: Callable[[bytes], Iterator[Part]],
    numbers: Callable[[bytes], Iterator[Number]],
    seal: Callable[[bytes], bytes] = bytes,
    **kinds: bool,
) -> Container:
    return Container(lambda data: _limited(parts(data)), lambda data: _limited(numbers(data)), seal, **kinds)


def _words(part: Part, order: str, most: int = 24) -> Iterator[Number]:
    """The first bytes of a part's content as 1, 2 and 4 byte numbers."""
    for position in range(part.body, min(part.body + most, part.end - 3)):
        yield Number(position, "B")
        if position % 2 == part.body % 2:
            yield Number(position, f"{order}H")
        if position % 4 == part.body % 4:
            yield Number(position, f"{order}I")


# PNG


def _png_parts(data: bytes) -> Iterator[Part]:
    position = 8
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = min(position + 12 + length, len(data))
        yield Part(position, position + 8, end)
        position = end


def _png_numbers(data: bytes) -> Iterator[Number]:
    for part in _png_parts(data):
        yield Number(part.start, ">I")
        if data[part.start + 4 : part.body] != b"IDAT":
            yield from _words(Part(part.start, part.body, part.end), ">", 40)


def _sealed_png(data: bytes) -> bytes:
    sealed = bytearray(data)
    for part in _png_parts(data):
        if part.end - part.start >= 12:
            struct.pack_into(">I", sealed, part.end - 4, zlib.crc32(data[part.start + 4 : part.end - 4]))
    return bytes(sealed)


# JPEG


def _jpeg_parts(data: bytes) -> Iterator[Part]:
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF or data[position + 1] in (0, 0xFF, *range(0xD0, 0xD9)):
            position += 1
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        end = min(position + 2 + length, len(data))
        yield Part(position, position + 4, end)
        position = end


def _jpeg_numbers(data: bytes) -> Iterator[Number]:
    for part in _jpeg_parts(data):
        yield Number(part.start + 1, "B")
        yield Number(part.start + 2, ">H")
        yield from _words(part, ">")


# TIFF and EXIF


def _tiff_directories(data: bytes) -> Iterator[tuple[str, bool, int, int]]:
    """Byte order, whether it is a BigTIFF, place and number of entries of every directory."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    waiting = [struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, 8 if big else 4)[0]]
    seen: set[int] = set()
    while waiting:
        start = waiting.pop()
        if start in seen or not 0 < start < len(data):
            continue
        seen.add(start)
        (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, start)
        first, size = (start + 8, 20) if big else (start + 2, 12)
        yield order, big, start, min(count, MOST)
        for entry in range(first, min(first + size * count, len(data) - size), size):
            (tag,) = struct.unpack_from(f"{order}H", data, entry)
            if tag in (330, 34665, 34853, 40965):
                waiting += struct.unpack_from(
                    f"{order}{'Q' if big else 'I'}", data, entry + (12 if big else 8)
                )
        link = first + size * count
        if link + 8 <= len(data):
            waiting += struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, link)


def _tiff_parts(data: bytes) -> Iterator[Part]:
    for _, big, start, count in _tiff_directories(data):
        first, size = (start + 8, 20) if big else (start + 2, 12)
        for number in range(count):
            entry = first + size * number
            yield Part(entry, entry + size - (8 if big else 4), min(entry + size, len(data)))


def _tiff_numbers(data: bytes) -> Iterator[Number]:
    for order, big, start, count in _tiff_directories(data):
        wide = f"{order}Q" if big else f"{order}I"
        yield Number(start, wide if big else f"{order}H")
        first, size = (start + 8, 20) if big else (start + 2, 12)
        for number in range(count):
            entry = first + size * number
            yield from (Number(entry, f"{order}H"), Number(entry + 2, f"{order}H"), Number(entry + 4, wide))
            value = entry + size - (8 if big else 4)
            yield from (Number(value, wide), Number(value, f"{order}H"))
        yield Number(first + size * count, wide)


# RIFF: WebP and AVI


def _riff_parts(data: bytes, position: int = 12, end: int | None = None) -> Iterator[Part]:
    end = len(data) if end is None else end
    while position + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, position)
        after = min(position + 8 + length + length % 2, end)
        yield Part(position, position + 8, after)
        if kind == b"LIST":
            yield from _riff_parts(data, position + 12, after)
        elif kind == b"ANMF":
            yield from _riff_parts(data, position + 24, after)
        position = after


def _riff_numbers(data: bytes) -> Iterator[Number]:
    yield Number(4, "<I")
    for part in _riff_parts(data):
        yield Number(part.start + 4, "<I")
        yield from _words(part, "<")


def _sealed_riff(data: bytes) -> bytes:
    return data[:4] + struct.pack("<I", max(0, len(data) - 8)) + data[8:] if len(data) > 8 else data


# ISO base media: AVIF, MP4 and QuickTime

_WITH_BOXES = {
    *(b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"iprp", b"ipco", b"udta", b"mvex"),
    *(b"moof", b"traf", b"meta", b"iinf", b"stsd", b"dref"),
}
_HEADS = {b"meta": 4, b"iinf": 6, b"stsd": 8, b"dref": 8}
"""Bytes before the boxes inside of a box."""


def _boxes(data: bytes, position: int = 0, end: int | None = None) -> Iterator[Part]:
    end = len(data) if end is None else end
    while position + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, position)
        after = min(position + max(8, length), end)
        yield Part(position, position + 8, after)
        if kind in _WITH_BOXES:
            yield from _boxes(data, position + 8 + _HEADS.get(kind, 0), after)
        position = after


def _box_numbers(data: bytes) -> Iterator[Number]:
    for part in _boxes(data):
        yield Number(part.start, ">I")
        if data[part.start + 4 : part.body] not in (b"mdat", *_WITH_BOXES):
            yield from _words(part, ">", 64)


# Matroska and WebM

_MASTERS = {0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0xE1, 0x1F43B675, 0x1C53BB6B, 0xBB, 0xB7, 0xA0}


def _vint(data: bytes, position: int, *, keep_marker: bool) -> tuple[int, int]:
    length = 9 - data[position].bit_length()
    value = int.from_bytes(data[position : position + length], "big")
    return (value if keep_marker else value & ((1 << 7 * length) - 1)), position + length


def _elements(data: bytes, position: int = 0, end: int | None = None) -> Iterator[Part]:
    end = len(data) if end is None else end
    while position + 2 <= end:
        start = position
        kind, position = _vint(data, position, keep_marker=True)
        length, body = _vint(data, position, keep_marker=False)
        after = min(body + length, end)
        yield Part(start, body, after)
        if kind in _MASTERS:
            yield from _elements(data, body, after)
        position = after


def _element_numbers(data: bytes) -> Iterator[Number]:
    for part in _elements(data):
        yield from (Number(position, "B") for position in range(part.start, min(part.body + 8, part.end)))


# BMP, ICC, safetensors, text


def _bmp_numbers(data: bytes) -> Iterator[Number]:
    head = Part(0, 0, len(data))
    yield from _words(head, "<", 2 + 4 + 4 + 4)
    yield from _words(Part(14, 14, len(data)), "<", 60)


def _icc_parts(data: bytes) -> Iterator[Part]:
    (count,) = struct.unpack_from(">I", data, 128)
    for entry in range(132, min(132 + 12 * count, len(data) - 11), 12):
        yield Part(entry, entry + 4, entry + 12)


def _icc_numbers(data: bytes) -> Iterator[Number]:
    yield from _words(Part(0, 0, len(data)), ">", 24)
    yield Number(128, ">I")
    for part in _icc_parts(data):
        offset, length = struct.unpack_from(">II", data, part.body)
        yield from (Number(part.body, ">I"), Number(part.body + 4, ">I"))
        yield from _words(Part(offset, offset, min(offset + length, len(data))), ">")


def _no_parts(data: bytes) -> Iterator[Part]:
    yield from ()


def _whole_numbers(data: bytes) -> Iterator[Number]:
    yield from _words(Part(0, 0, len(data)), "<", 64)


def _safetensors_parts(data: bytes) -> Iterator[Part]:
    (length,) = struct.unpack_from("<Q", data)
    yield Part(8, 8, min(8 + length, len(data)))


def _sealed_safetensors(data: bytes) -> bytes:
    """Gives the header's length as far as the JSON object at its beginning reaches."""
    try:
        _, end = json.JSONDecoder().raw_decode(data[8:].decode("latin-1"))
    except (ValueError, RecursionError):
        return data
    return struct.pack("<Q", end) + data[8:]


def _lines(data: bytes) -> Iterator[Part]:
    position = 0
    for line in data.splitlines(keepends=True):
        yield Part(position, position, position + len(line))
        position += len(line)


def _no_numbers(data: bytes) -> Iterator[Number]:
    yield from ()


BYTES = _container(_no_parts, _whole_numbers)
PNG = _container(_png_parts, _png_numbers, _sealed_png)
JPEG = _container(_jpeg_parts, _jpeg_numbers)
TIFF = _container(_tiff_parts, _tiff_numbers)
RIFF = _container(_riff_parts, _riff_numbers, _sealed_riff)
BOXES = _container(_boxes, _box_numbers)
MATROSKA = _container(_elements, _element_numbers)
BMP = _container(_no_parts, _bmp_numbers)
ICC = _container(_icc_parts, _icc_numbers)
SAFETENSORS = _container(_safetensors_parts, _whole_numbers, _sealed_safetensors, is_json=True)
TEXT = _container(_lines, _no_numbers, is_text=True)
JSON_LINES = _container(_lines, _no_numbers, is_text=True, is_json=True)
