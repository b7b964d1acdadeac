from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deraincli.errors import UsageError
from deraincli.geometry import Size
from deraincli.inference.tiling import Tiling, choose_tiling, plan

LENGTHS = st.integers(1, 400)


@st.composite
def tilings(draw: st.DrawFn) -> Tiling:
    multiple = draw(st.sampled_from([1, 2, 8, 32]))
    side = draw(st.integers(20, 300))
    overlap = draw(st.one_of(st.just("auto"), st.integers(0, max(side // multiple, 1) // 2 * multiple)))
    return choose_tiling(side, overlap, margin=draw(st.integers(0, 64)), multiple=multiple)


@given(LENGTHS, LENGTHS, tilings())
def test_every_pixel_is_settled_once(height: int, width: int, tiling: Tiling) -> None:
    count = np.zeros((height, width), int)
    for tile in plan(Size(height, width), tiling).tiles:
        count[tile.core.slices] += 1
    assert (count == 1).all()


@given(LENGTHS, LENGTHS, tilings())
def test_tiles_are_of_one_size_on_the_grid_and_within_the_padded_picture(
    height: int, width: int, tiling: Tiling
) -> None:
    cuts = plan(Size(height, width), tiling)
    assert {tile.source.size for tile in cuts.tiles} == {cuts.tile}
    for tile in cuts.tiles:
        for span, length in ((tile.source.rows, height), (tile.source.columns, width)):
            assert span.start % tiling.multiple == span.stop % tiling.multiple == 0
            assert 0 <= span.start < span.stop < length + tiling.multiple
            assert tiling.side is None or len(span) <= tiling.side


@given(st.integers(1, 2000), tilings())
def test_what_is_shown_of_a_tile_keeps_its_distance_from_neighbours(length: int, tiling: Tiling) -> None:
    """Beyond a fade lie at least two fifths of the overlap (rounded down), on both sides of a seam."""
    margin = 2 * tiling.overlap // 5
    tiles = plan(Size(1, length), tiling).tiles
    for before, after in pairwise(tiles):
        seam = after.columns.core.start
        assert before.columns.fade_out == after.columns.blend_in == tiling.fade
        assert seam - after.columns.source.start >= margin
        assert before.columns.source.stop - (seam + tiling.fade) >= margin


@given(st.integers(0, 200), st.sampled_from([1, 8, 32]))
def test_the_automatic_overlap_covers_the_margin(margin: int, multiple: int) -> None:
    tiling = choose_tiling(4096, "auto", margin=margin, multiple=multiple)
    assert (tiling.overlap - tiling.fade) // 2 >= margin


@given(LENGTHS, LENGTHS, tilings())
def test_no_plan_of_fewer_tiles_would_do(height: int, width: int, tiling: Tiling) -> None:
    """If n tiles of the largest side share `overlap`, they reach n·(side − overlap) + overlap pixels."""
    assert tiling.side is not None
    tiles = plan(Size(height, width), tiling).tiles
    rows, columns = (len({getattr(tile, axis) for tile in tiles}) for axis in ("rows", "columns"))
    for count, length in ((rows, height), (columns, width)):
        assert (
            count == 1
            or (count - 1) * (tiling.side - tiling.overlap) + tiling.overlap < length + tiling.multiple
        )


def test_off_takes_any_picture_whole() -> None:
    cuts = plan(Size(3001, 4999), choose_tiling(None, "auto", margin=64, multiple=32))
    assert len(cuts.tiles) == 1
    assert cuts.tile == Size(3008, 5024)


@given(tilings())
def test_halving_ends_at_tiles_of_two_overlaps(tiling: Tiling) -> None:
    smaller, steps = tiling, 0
    while (further := smaller.halved(smaller.side or 0)) is not None:
        assert further.side < smaller.side
        assert further.side % tiling.multiple == 0
        assert further.overlap == tiling.overlap
        smaller, steps = further, steps + 1
    assert smaller.side == max(2 * tiling.overlap, tiling.multiple) or steps == 0


@pytest.mark.parametrize(("side", "overlap"), [(0, "auto"), (-8, 0), (256, -1), (256, 130), (64, 33)])
def test_impossible_sizes_are_refused(side: int, overlap: int | str) -> None:
    with pytest.raises(UsageError, match=str(overlap if side > 0 and overlap != "auto" else side)):
        choose_tiling(side, overlap, margin=64, multiple=32)
