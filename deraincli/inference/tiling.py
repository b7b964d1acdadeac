"""Cuts a picture into overlapping tiles of one size.

Two neighbours share at least `overlap` pixels. In the middle of the shared pixels one tile fades into the
other over a fifth of the overlap, at most `LONGEST_FADE`. The pixels between the fade and a tile's edge (the
margin below) are never shown, because the network lacked context there. Rows and columns are cut in the same
way, so the sketch shows one axis:

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

TileChoice = int | Literal["auto", "off"]
"""Largest side of a tile in pixels. "auto" takes what memory allows. "off" keeps pictures whole."""
OverlapChoice = int | Literal["auto"]
"""Pixels that neighbouring tiles share. "auto" derives them from the network's need of context."""

LONGEST_FADE = 32
"""Largest number of pixels over which one tile fades into the next."""
LARGEST_SHARE = (5, 8)
"""Largest automatic overlap as a fraction of a tile's side. At 5/8, up to 7 times the pixels are computed."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """How to cut pictures of any size. `choose_tiling` builds it."""

    side: int | None
    """Largest side of a tile in pixels, a multiple of `multiple` and larger than `overlap`. None means that
    pictures are not cut."""
    overlap: int
    """Least number of pixels that neighbours share, a multiple of `multiple`."""
    multiple: int
    """Number of pixels of which all origins and sides of tiles are multiples."""

    @property
    def fade(self) -> int:
        """Pixels over which one tile fades into the next. The rest of the overlap is never shown."""
        return min(self.overlap // 5, LONGEST_FADE)

    def halved(self, side: int) -> Tiling | None:
        """Returns a tiling with half the side.

        Args:
            side: The side to halve, in pixels.

        Returns:
            The tiling, or None if its tiles would be too small for the overlap.
        """
        smallest = max(2 * self.overlap, self.multiple)
        if self.side is None or side <= smallest:
            return None
        return Tiling(max(round_down(side // 2, self.multiple), smallest), self.overlap, self.multiple)


@dataclass(frozen=True, slots=True)
class AxisTile:
    """One tile along one axis."""

    source: Span
    """Pixels that the network reads. It starts at a multiple and may reach beyond the end of the picture."""
    core: Span
    """Pixels of the picture that are final after this tile is blended in. The next core follows."""
    blend_in: int
    """Number of pixels at the start of `core` over which the previous tile fades into this one."""
    fade_out: int
    """Number of pixels after `core` over which this tile fades into the next."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile, which is the product of a cut of the rows and a cut of the columns."""

    rows: AxisTile
    columns: AxisTile

    @property
    def source(self) -> Region:
        """Region that the network reads. It may reach beyond the bottom and the right of the picture."""
        return Region(self.rows.source, self.columns.source)

    @property
    def core(self) -> Region:
        """Region that is final after this tile is blended in. All cores together partition the picture."""
        return Region(self.rows.core, self.columns.core)


@dataclass(frozen=True, slots=True)
class Plan:
    """The tiles of one picture."""

    picture: Size
    """Size of the picture, pixels."""
    tile: Size
    """Size of every tile, pixels."""
    tiles: tuple[Tile, ...]
    """The tiles in reading order."""


def choose_tiling(side: int | None, overlap: OverlapChoice, *, margin: int, multiple: int) -> Tiling:
    """Checks the sizes that a user asked for and rounds them to multiples.

    Args:
        side: Largest side of a tile in pixels, or None to keep pictures whole.
        overlap: Overlap in pixels. "auto" derives it from `margin` and makes it smaller for small tiles.
        margin: Pixels of context that the network needs on every side.
        multiple: Number of pixels of which the sides become multiples.

    Returns:
        The tiling.

    Raises:
        UsageError: The side is below 1, the overlap is negative, or it exceeds half a tile.
    """
    if side is not None and side < 1:
        raise UsageError(f"A tile of {side} pixels holds nothing: ask for 1 or more, 'auto' or 'off'.")
    if overlap != "auto" and overlap < 0:
        raise UsageError(f"An overlap of {overlap} pixels is impossible: ask for 0 or more, or 'auto'.")
    if side is None:
        return Tiling(None, 0, multiple)
    given, side = side, max(round_down(side, multiple), multiple)
    if overlap == "auto":
        part, whole = LARGEST_SHARE
        largest = round_down(part * side // whole, multiple)
        return Tiling(side, min(needed_overlap(margin, multiple), largest), multiple)
    shared = round_up(overlap, multiple)
    if 2 * shared > side:
        raise UsageError(
            f"An overlap of {overlap} pixels needs tiles of at least {2 * shared}, not {given}: "
            "ask for larger tiles or less overlap."
        )
    return Tiling(side, shared, multiple)


def tiling_for(
    tile: TileChoice,
    overlap: OverlapChoice,
    *,
    margin: int,
    multiple: int,
    affordable: Callable[[int], int],
) -> Tiling:
    """Returns the tiling for the sizes that a user asked for, "auto" and "off" included.

    Args:
        tile: Largest side of a tile in pixels. "auto" takes the side that memory allows. "off" keeps pictures
            whole.
        overlap: Overlap in pixels, or "auto" to derive it from `margin`.
        margin: Pixels of context that the network needs on every side.
        multiple: Number of pixels of which the sides become multiples.
        affordable: Takes the least useful side and returns the side that memory allows, both in pixels.

    Returns:
        The tiling.

    Raises:
        UsageError: As for `choose_tiling`.
    """
    if tile != "auto":
        return choose_tiling(None if tile == "off" else tile, overlap, margin=margin, multiple=multiple)
    shared = needed_overlap(margin, multiple) if overlap == "auto" else overlap
    # Tiles below three overlaps compute more than twice what they show.
    side = affordable(max(3 * shared, multiple))
    return choose_tiling(side, overlap, margin=margin, multiple=multiple)


def needed_overlap(margin: int, multiple: int) -> int:
    """Returns the overlap whose pixels that are never shown cover a margin on both sides of the fade.

    Args:
        margin: Pixels of context that the network needs on every side.
        multiple: Number of pixels of which the overlap is a multiple.

    Returns:
        The overlap in pixels.
    """
    return round_up(2 * margin + min(-(-margin // 2), LONGEST_FADE), multiple)


def plan(picture: Size, tiling: Tiling) -> Plan:
    """Plans the fewest tiles that cover a picture.

    Args:
        picture: Size of the picture, pixels.
        tiling: How to cut it.

    Returns:
        The plan, with a single tile if the picture fits in one.
    """
    rows, columns = _cut(picture.height, tiling), _cut(picture.width, tiling)
    tile = Tile(rows[0], columns[0]).source.size
    return Plan(picture, tile, tuple(Tile(row, column) for row, column in product(rows, columns)))


def _cut(length: int, tiling: Tiling) -> list[AxisTile]:
    """Returns evenly spread cuts of equal length that cover an axis of `length` pixels and its padding."""
    multiple, overlap, fade = tiling.multiple, tiling.overlap, tiling.fade
    padded = round_up(length, multiple)
    if tiling.side is None or padded <= tiling.side:
        return [AxisTile(Span(0, padded), Span(0, length), 0, 0)]
    count = -(-(padded - overlap) // (tiling.side - overlap))
    side = round_up(-(-(padded + (count - 1) * overlap) // count), multiple)
    starts = [round_down(i * (padded - side) // (count - 1), multiple) for i in range(count)]
    # Each fade lies in the middle of the pixels that two neighbours share.
    fades = [(start + before + side - fade) // 2 for before, start in pairwise(starts)]
    return [
        AxisTile(
            Span(start, start + side), Span(begin, end), fade if begin > 0 else 0, fade if end < length else 0
        )
        for start, begin, end in zip(starts, [0, *fades], [*fades, length], strict=True)
    ]
