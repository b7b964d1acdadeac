"""Patterns that look like rain and belong to the scene."""

from __future__ import annotations

import numpy as np

from deraincli.rain.patterns import add_pattern


def test_a_seed_repeats_its_pattern_and_others_differ() -> None:
    photo = np.full((96, 128, 3), 90, np.uint8)
    first, again, other = (add_pattern(photo, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_patterns_leave_a_part_of_the_photo_and_change_another() -> None:
    rng = np.random.default_rng(0)
    photo = np.full((128, 128, 3), 90, np.uint8)
    changed = []
    for _ in range(60):
        drawn = add_pattern(photo, rng)
        assert drawn.shape == photo.shape and drawn.dtype == np.uint8
        changed.append(float((np.abs(drawn.astype(int) - photo).max(2) > 4).mean()))
    assert np.mean([share > 0.02 for share in changed]) > 0.9
    assert np.mean([share < 0.98 for share in changed]) > 0.5


def test_most_patterns_have_edges_along_the_fall_of_rain() -> None:
    rng = np.random.default_rng(0)
    photo = np.full((128, 128, 3), 90, np.uint8)
    upright = 0
    for _ in range(80):
        grey = add_pattern(photo, rng).mean(2)
        upright += np.abs(np.diff(grey, axis=1)).mean() > np.abs(np.diff(grey, axis=0)).mean()
    assert upright > 40
