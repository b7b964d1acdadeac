"""Reads the directories of classic TIFFs and of EXIF, as libtiff does. TIFF 6.0, section 2, describes them.

Nothing is read but what is asked for, because the entries of a small file may all point to the same data.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
"""Types of whole numbers. Those of 64 bits belong to BigTIFF, but libtiff reads them here as well."""
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""Bytes of a value by the types of TIFF 6.0."""
ENTRY = 12
"""Size of a directory entry in bytes."""
_INLINE = 4
"""Largest size of values that lie in the entry itself."""


class Entry(NamedTuple):
    """The head of an entry. Its value, or the offset of its values, follows."""

    position: int
    """Offset of its 12 bytes."""
    tag: int
    """What it describes."""
    kind: int
    """Type of its values."""
    length: int
    """Number of its values."""


class Directory(NamedTuple):
    """A directory of a TIFF."""

    data: bytes
    """The whole file."""
    order: str
    """Byte order, `<` or `>`."""
    entries: dict[int, bytes]
    """The 12 bytes of each entry by tag. The first counts if a tag is repeated."""

    def values(self, tag: int) -> tuple[int, ...]:
        """Returns the numbers of a tag. Empty if it is missing or holds anything else.

        Raises:
            struct.error: They lie behind the end of the file.
        """
        entry = self.entries.get(tag, bytes(ENTRY))
        kind, count = struct.unpack_from(f"{self.order}HI", entry, 2)
        if kind not in _NUMBERS:
            return ()
        format = f"{self.order}{count}{_NUMBERS[kind]}"
        if struct.calcsize(format) <= _INLINE:
            return struct.unpack_from(format, entry, 8)
        (offset,) = struct.unpack_from(f"{self.order}I", entry, 8)
        return struct.unpack_from(format, self.data, offset)

    def first(self, tag: int, default: int = 1) -> int:
        """Returns the first number of a tag, or the default if there is none."""
        return next(iter(self.values(tag)), default)


def byte_order(data: bytes) -> str | None:
    """Returns the byte order of a classic TIFF, `<` or `>`, or None for other files."""
    return _ORDERS.get(data[:4])


def entries(data: bytes | bytearray, order: str, start: int) -> Iterator[Entry]:
    """Reads the entries of a directory.

    Args:
        data: The whole file.
        order: Byte order, `<` or `>`.
        start: Offset of the directory.

    Yields:
        The entries in their order, those of repeated tags, too.

    Raises:
        struct.error: The directory is cut off.
    """
    for position in range(start + 2, end(data, order, start), ENTRY):
        yield Entry(position, *struct.unpack_from(f"{order}HHI", data, position))


def end(data: bytes | bytearray, order: str, start: int) -> int:
    """Returns where the entries of a directory end and its link to the next one begins.

    Args:
        data: The whole file.
        order: Byte order, `<` or `>`.
        start: Offset of the directory.

    Raises:
        struct.error: It is cut off.
    """
    (count,) = struct.unpack_from(f"{order}H", data, start)
    return start + 2 + ENTRY * int(count)


def first_directory(data: bytes) -> Directory | None:
    """Reads the first directory of a file.

    Args:
        data: The whole file.

    Returns:
        The directory, or None if the file is not a classic TIFF.

    Raises:
        struct.error: The directory is cut off.
    """
    order = byte_order(data)
    return None if order is None else directory(data, order, struct.unpack_from(f"{order}I", data, 4)[0])


def directory(data: bytes, order: str, start: int) -> Directory:
    """Reads a directory.

    Args:
        data: The whole file.
        order: Byte order, `<` or `>`.
        start: Offset of the directory.

    Raises:
        struct.error: It is cut off.
    """
    if end(data, order, start) > len(data):
        raise struct.error("a directory is cut off")
    found: dict[int, bytes] = {}
    for entry in entries(data, order, start):
        found.setdefault(entry.tag, data[entry.position : entry.position + ENTRY])
    return Directory(data, order, found)


def append(block: bytearray, body: bytes) -> int:
    """Appends bytes at the next even offset, where directories and values may begin.

    Args:
        block: The file.
        body: The bytes.

    Returns:
        The offset.
    """
    block.extend(bytes(len(block) % 2))
    start = len(block)
    block.extend(body)
    return start


def pages(data: bytes) -> int:
    """Returns how many directories of a file follow one another. The last one may be cut off.

    Args:
        data: The whole file.

    Returns:
        The number of directories. 0 if the file is not a classic TIFF.
    """
    order, starts = byte_order(data), set[int]()
    if order is None:
        return 0
    try:
        (start,) = struct.unpack_from(f"{order}I", data, 4)
        while start and start not in starts:
            starts.add(start)
            (start,) = struct.unpack_from(f"{order}I", data, end(data, order, start))
    except struct.error:
        pass  # the file ends within the last one
    return len(starts)
