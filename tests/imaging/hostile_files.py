"""Small files that claim much: decoders that believe them need gigabytes or hours."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from picture_files import chunk, raw_png, saved, texture
from PIL.Image import fromarray

_EXIF, _SUB_DIRECTORIES, _BROKEN = 34665, 330, (282, 5, 1, 2**32 - 9)
_GAIN_MAP = b'xmlns:p="http://ns.adobe.com/hdr-gain-map/1.0/" '


def classic(entries: list[tuple[int, int, int, int]], behind: bytes = b"", following: int = 0) -> bytes:
    """A TIFF of one directory. Each entry is a tag, a type, a count and a value or an offset."""
    parts = [struct.pack("<HHII", *entry) for entry in entries]
    return (
        b"II*\0\x08\0\0\0"
        + struct.pack("<H", len(parts))
        + b"".join(parts)
        + struct.pack("<I", following)
        + behind
    )


def tiles_behind_a_broken_entry(compression: int = 8) -> bytes:
    """A TIFF whose tiles of ten million lines come after an entry at which Pillow stops reading."""
    tags = [(256, 4, 1, 18), (257, 4, 1, 17), (258, 3, 3, 170), (259, 3, 1, compression), (262, 3, 1, 2)]
    tags += [(277, 3, 1, 3), _BROKEN, (284, 3, 1, 1)]
    tags += [(322, 4, 1, 16), (323, 4, 1, 10_000_000), (324, 4, 1, 176), (325, 4, 1, 20)]
    lines = zlib.compress(bytes(2000))
    return classic(tags).ljust(170, b"\0") + struct.pack("<3H", 8, 8, 8) + lines


def entries_for_the_same_data() -> bytes:
    """A TIFF with thousands of entries of all its data."""
    count, size = 4_000, 100_000
    return classic([(300 + n, 1, size, 8 + 2 + 12 * count + 4) for n in range(count)], bytes(size))


def one_directory_a_thousand_times() -> bytes:
    """A TIFF that names the same directory of thousands of entries as each of its sub-directories."""
    times, entries = 20_000, 2_000
    start = 8 + 2 + 12 + 4
    below = struct.pack("<H", entries) + struct.pack("<HHII", 1000, 3, 1, 5) * entries + bytes(4)
    return classic(
        [(_SUB_DIRECTORIES, 4, times, start)], struct.pack("<I", start + 4 * times) * times + below
    )


def pages_within_pages() -> bytes:
    """A TIFF of pages with thousands of entries each, which overlap."""
    pages, entries = 15_000, 5_000
    words = [entries] * (pages * 2 + entries * 6 + 1)
    data = bytearray(struct.pack(f"<{len(words)}H", *words))
    for page in range(pages):
        struct.pack_into("<I", data, page * 4 + 2 + 12 * entries, 8 + (page + 1) * 4)
    return b"II*\0\x08\0\0\0" + bytes(data)


def _big(entries: list[tuple[int, int, int, int]], behind: bytes = b"") -> bytes:
    parts = [struct.pack("<HHQQ", *entry) for entry in entries]
    head = b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, len(parts))
    return head + b"".join(parts) + bytes(8) + behind


def big_entries_for_the_same_data() -> bytes:
    """A BigTIFF with thousands of entries of all its data."""
    count, size = 4_000, 100_000
    return _big([(300 + n, 7, size, 16 + 8 + 20 * count + 8) for n in range(count)], bytes(size))


def doubling_directories() -> bytes:
    """A BigTIFF of thirty directories, each of which names the next one twice."""
    size, levels = 8 + 20 + 8 + 16, 30
    data = b"II+\0" + struct.pack("<HHQ", 8, 0, 16)
    for start in range(16, 16 + size * levels, size):
        entry = struct.pack("<HHQQ", _EXIF, 16, 2, start + 36)
        data += struct.pack("<Q", 1) + entry + struct.pack("<QQQ", 0, start + size, start + size)
    return data + bytes(16)


def _with_xmp(packet: bytes) -> bytes:
    return raw_png(2, 2, 8, 2, [bytes(6)] * 2, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))


def scans_without_end() -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    data = saved(fromarray(texture(11, 13)), "JPEG", progressive=True)
    return data[:-2] + data[data.rfind(b"\xff\xda") : -2] * 5_000 + data[-2:]


HOSTILE: dict[str, Callable[[], bytes]] = {
    **{
        f"tiles behind a broken entry, compression {number}": lambda number=number: (
            tiles_behind_a_broken_entry(number)
        )
        for number in (5, 7, 8, 32773, 34925, 50000)
    },
    "entries for the same data": entries_for_the_same_data,
    "one directory a thousand times": one_directory_a_thousand_times,
    "pages within pages": pages_within_pages,
    "BigTIFF: entries for the same data": big_entries_for_the_same_data,
    "BigTIFF: doubling directories": doubling_directories,
    "XMP: thumbnails without end": lambda: _with_xmp(b"<xmp:Thumbnails>" * 60_000),
    "XMP: elements without end": lambda: _with_xmp(_GAIN_MAP + b"<p:a>" * 200_000),
    "XMP: tags without end": lambda: _with_xmp(_GAIN_MAP + b"<p:a " * 200_000),
    "XMP: elements with other ends": lambda: _with_xmp(_GAIN_MAP + b"<p:a>x</p:b>" * 80_000),
    "XMP: thousands of prefixes": lambda: _with_xmp(
        b"".join(_GAIN_MAP.replace(b"p=", b"p%d=" % n) for n in range(20_000))
    ),
    "JPEG: scans without end": scans_without_end,
}
"""Files by what is hostile about them. None is larger than 2 MB, and all decode to less than a megapixel."""
