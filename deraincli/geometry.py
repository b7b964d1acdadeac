"""Sizes, spans and regions of pictures: integers only, in pixels, rows before columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_BAND_PIXELS = 1 << 20


@dataclass(frozen=True, slots=True)
class Size:
    """Height and width, both at least 1."""

    height: int
    width: int

    def __str__(self) -> str:
        """Width first, as people write it: `1024×768`."""
        return f"{self.width}×{self.height}"


@dataclass(frozen=True, slots=True)
class Span:
    """The pixels start ≤ i < stop of one axis."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def slice(self) -> slice:
        """Indexes an axis of an array."""
        return slice(self.start, self.stop)


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle: a span of rows by a span of columns."""

    rows: Span
    columns: Span

    @property
    def size(self) -> Size:
        """Height and width of the rectangle."""
        return Size(len(self.rows), len(self.columns))

    @property
    def slices(self) -> tuple[slice, slice]:
        """Indexes an H×W or H×W×C array."""
        return self.rows.slice, self.columns.slice


def round_up(length: int, multiple: int) -> int:
    """Returns the smallest multiple of `multiple` that is at least `length`."""
    return -(-length // multiple) * multiple


def round_down(length: int, multiple: int) -> int:
    """Returns the largest multiple of `multiple` that is at most `length`."""
    return length // multiple * multiple


def row_bands(height: int, width: int) -> Iterator[slice]:
    """Yields slices that cover all rows of a picture. Each has about a megapixel, and at least one row.

    Args:
        height: Height of the picture in pixels.
        width: Width of the picture in pixels.
    """
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))
