"""Cuts a picture into overlapping tiles of one size: size + tile + overlap + multiple → tiles.

Two neighbours share at least `overlap` pixels. In the middle of what they share one fades into the
other over `overlap // 5` pixels; nearer to its edge than that a tile is never shown, because the
network lacked context there. Rows and columns are cut alike, so all reasoning is along one axis:

    tile 0   |---- core ----|fade|·margin·|
    tile 1        |·margin·|fade|---- core ----|
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Literal

from deraincli.errors import UsageError
from deraincli.geometry import Region, Size, Span, round_down, round_up


@dataclass(frozen=True, slots=True)
class Tiling:
    """How pictures are cut, whatever their size. Build it with `choose_tiling`."""

    side: int | None
    """Largest side of a tile, a multiple of `multiple` and at least twice `overlap`; None: never cut."""
    overlap: int
    """Pixels that neighbours share at least, a multiple of `multiple`."""
    multiple: int
    """Origins and sides of tiles are multiples of this."""

    @property
    def fade(self) -> int:
        """Pixels over which one tile passes into the next; the rest of the overlap is never shown."""
        return self.overlap // 5

    def halved(self, side: int) -> Tiling | None:
        """Tiles of half of `side`, or None where they would be too small for the overlap."""
        smallest = max(2 * self.overlap, self.multiple)
        if self.side is None or side <= smallest:
            return None
        return Tiling(max(round_down(side // 2, self.multiple), smallest), self.overlap, self.multiple)


@dataclass(frozen=True, slots=True)
class AxisTile:
    """One tile along one axis."""

    source: Span
    """What the network sees; it may reach past the picture's end, and starts at a multiple."""
    core: Span
    """The picture's pixels that are final once this tile is blended in; the next tile's follow them."""
    blend_in: int
    """Leading pixels of `core` over which the tile before passes into this one."""
    fade_out: int
    """Pixels after `core` over which this tile passes into the next."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: a cut of the rows by a cut of the columns."""

    rows: AxisTile
    columns: AxisTile

    @property
    def source(self) -> Region:
        """What the network sees; it may reach past the picture's bottom and right."""
        return Region(self.rows.source, self.columns.source)

    @property
    def core(self) -> Region:
        """The pixels that are final once this tile is blended in; all tiles' partition the picture."""
        return Region(self.rows.core, self.columns.core)


@dataclass(frozen=True, slots=True)
class Plan:
    """The tiles of one picture in reading order, all of one size."""

    picture: Size
    tile: Size
    tiles: tuple[Tile, ...]


def choose_tiling(side: int | None, overlap: int | Literal["auto"], *, margin: int, multiple: int) -> Tiling:
    """Checks and rounds what was asked for.

    `side`: largest tile side, None for pictures taken whole. `overlap`: "auto" derives it from `margin`,
    the pixels of context that the network needs on every side, and gives way to small tiles.
    Raises UsageError for a side below 1, a negative overlap, or one of more than half a tile.
    """
    if side is not None and side < 1:
        raise UsageError(f"A tile of {side} pixels holds nothing: ask for 1 or more, 'auto' or 'off'.")
    if overlap != "auto" and overlap < 0:
        raise UsageError(f"An overlap of {overlap} pixels is impossible: ask for 0 or more, or 'auto'.")
    if side is None:
        return Tiling(None, 0, multiple)
    side = max(round_down(side, multiple), multiple)
    if overlap == "auto":
        shared = min(needed_overlap(margin, multiple), round_down(side // 2, multiple))
    else:
        shared = round_up(overlap, multiple)
    if 2 * shared > side:
        raise UsageError(
            f"An overlap of {shared} pixels needs tiles of at least {2 * shared}, not {side}: "
            "ask for larger tiles or less overlap."
        )
    return Tiling(side, shared, multiple)


def tiling_for(
    tile: int | Literal["auto", "off"],
    overlap: int | Literal["auto"],
    *,
    margin: int,
    multiple: int,
    affordable: Callable[[int], int],
) -> Tiling:
    """What was asked for, "auto" and "off" included, as `choose_tiling` has it.

    `affordable`: the least side that is of use → the side that memory allows.
    """
    if tile != "auto":
        return choose_tiling(None if tile == "off" else tile, overlap, margin=margin, multiple=multiple)
    shared = needed_overlap(margin, multiple) if overlap == "auto" else overlap
    # Tiles below three overlaps compute more than twice what they show.
    side = affordable(max(3 * shared, multiple))
    return choose_tiling(side, overlap, margin=margin, multiple=multiple)


def needed_overlap(margin: int, multiple: int) -> int:
    """The overlap whose outer two fifths at either edge, which are never shown, cover `margin`."""
    return round_up(-(-5 * margin // 2), multiple)


def plan(picture: Size, tiling: Tiling) -> Plan:
    """The tiles of a picture, as few as `tiling` allows; a single one where the picture fits."""
    rows, columns = _cut(picture.height, tiling), _cut(picture.width, tiling)
    tile = Tile(rows[0], columns[0]).source.size
    return Plan(picture, tile, tuple(Tile(row, column) for row, column in product(rows, columns)))


def _cut(length: int, tiling: Tiling) -> list[AxisTile]:
    """Cuts of equal length, spread evenly, that cover `length` pixels and the padding after them."""
    multiple, overlap, fade = tiling.multiple, tiling.overlap, tiling.fade
    padded = round_up(length, multiple)
    if tiling.side is None or padded <= tiling.side:
        return [AxisTile(Span(0, padded), Span(0, length), 0, 0)]
    count = -(-(padded - overlap) // (tiling.side - overlap))
    side = round_up(-(-(padded + (count - 1) * overlap) // count), multiple)
    starts = [round_down(i * (padded - side) // (count - 1), multiple) for i in range(count)]
    # Each fade sits in the middle of what two neighbours share.
    fades = [(start + before + side - fade) // 2 for before, start in pairwise(starts)]
    return [
        AxisTile(
            Span(start, start + side), Span(begin, end), fade if begin > 0 else 0, fade if end < length else 0
        )
        for start, begin, end in zip(starts, [0, *fades], [*fades, length], strict=True)
    ]
