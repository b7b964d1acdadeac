"""Combining pictures over time: what passes by goes, what stays or moves is left alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from clips import scene
from hypothesis import given
from hypothesis import strategies as st

from deraincli.video.temporal import combine, over_time


@given(st.lists(st.integers(), max_size=12), st.integers(0, 5))
def test_every_item_meets_its_neighbours(items: list[int], reach: int) -> None:
    met = list(over_time(items, reach, lambda item: item))
    assert [item for item, _ in met] == items
    for place, (_, neighbours) in enumerate(met):
        assert neighbours == items[max(0, place - reach) : place] + items[place + 1 : place + 1 + reach]


def test_a_faint_streak_of_one_picture_goes() -> None:
    still = scene(0, 96, 64)
    streaked = still.copy()
    streaked[10:50, 40:42] += 30
    np.testing.assert_array_equal(combine(streaked, [still, still]), still)


def test_a_small_thing_that_moves_stays() -> None:
    still = scene(0, 96, 64)
    for colour in (0, 255):
        pictures = []
        for left in (10, 40, 70):
            pictures.append(still.copy())
            pictures[-1][20:26, left : left + 6] = colour
        combined = combine(pictures[1], [pictures[0], pictures[2]])
        np.testing.assert_allclose(combined[20:26, 40:46], colour, atol=2)


def test_nearly_equal_pictures_are_combined_to_nearly_equal_ones() -> None:
    """No place has a hard limit, so a brightening that grows by a level changes the result by little more."""
    still = scene(0, 96, 64)
    results = []
    for brightening in range(101):
        streaked = still.copy()
        streaked[10:50, 40:42] = np.minimum(still[10:50, 40:42].astype(int) + brightening, 255)
        results.append(combine(streaked, [still, still]).astype(int))
    steps = [np.abs(after - before).max() for before, after in pairwise(results)]
    assert max(steps) <= 4
    assert results[10][10, 40, 0] == still[10, 40, 0], "faint: rain"
    assert results[100][10, 40, 0] > still[10, 40, 0], "bright: an object"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_another_scene_leaves_no_trace(dtype: type) -> None:
    unit = np.iinfo(dtype).max // 255
    before = np.full((64, 96, 3), 30, dtype) * dtype(unit)
    after = np.full((64, 96, 3), 200, dtype) * dtype(unit)
    combined = combine(after, [before, before, before])
    assert combined.dtype == dtype
    np.testing.assert_array_equal(combined, after)


def test_without_neighbours_nothing_changes() -> None:
    np.testing.assert_array_equal(combine(scene(3, 20, 10), []), scene(3, 20, 10))
