"""The sizes at which a picture is restored."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st
from paired import DROPS

import deraincli
from deraincli.errors import InputError, UsageError
from deraincli.inference.working_size import (
    FINEST_SIDE,
    USUAL_SIDE,
    coarser_sides,
    reduced,
    to_finest_size,
)
from deraincli.rain.drop_styles import magnified
from deraincli.rain.drops import add_drops
from deraincli.restoration.auto_model import AutoDerainer


def noise(height: int, width: int) -> np.ndarray:
    """A picture with detail in every pixel."""
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [
        ((321, 481), "auto", (321, 481)),
        ((600, 900), "auto", (600, 900)),
        ((1500, 2000), "auto", (1000, 1333)),
        ((2000, 1500), "auto", (1333, 1000)),
        ((1500, 2000), "full", (1500, 2000)),
        ((300, 400), 150, (150, 200)),
        ((300, 400), 300, (300, 400)),
    ],
)
def test_the_shorter_side_decides(size: tuple[int, int], side: int | str, expected: tuple[int, int]) -> None:
    pixels = noise(*size)
    finest = to_finest_size(pixels, side)
    assert finest.shape[:2] == expected
    if expected == size:
        assert finest is pixels


@pytest.mark.parametrize("times", [2, 3, 5])
def test_an_enlarged_picture_is_restored_at_the_size_of_its_detail(times: int) -> None:
    """Enlarging adds pixels and no detail."""
    photo = cv2.resize(skimage.data.coffee(), (600, 400), interpolation=cv2.INTER_AREA)
    enlarged = cv2.resize(photo, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    assert USUAL_SIDE <= min(to_finest_size(enlarged, "auto").shape[:2]) <= 1.25 * USUAL_SIDE


def test_fine_rain_before_a_soft_photo_is_detail() -> None:
    soft = cv2.GaussianBlur(skimage.data.astronaut(), (0, 0), 4)
    soft = cv2.resize(soft, (900, 900))
    streaked = soft.copy()
    streaked[::2, 100:800:40] = 255  # about a hundredth of the pixels
    assert min(to_finest_size(soft, "auto").shape[:2]) == USUAL_SIDE
    assert to_finest_size(streaked, "auto") is streaked


@given(st.integers(1, 20_000))
def test_coarser_sides_begin_below_the_finest_and_end_at_the_usual(finest: int) -> None:
    steps = coarser_sides(finest)
    sides = [finest, *(side for side, _ in steps)]
    assert sides == sorted(set(sides), reverse=True)
    assert (len(steps) > 0) == (finest > USUAL_SIDE)
    assert len(steps) == sum(finest > USUAL_SIDE * (FINEST_SIDE / USUAL_SIDE) ** k for k in range(9))
    if steps:
        assert steps[-1][0] == USUAL_SIDE
    assert all(0 < share <= 1 for _, share in steps)


@given(st.integers(1, 20_000))
def test_no_side_is_added_at_once(finest: int) -> None:
    """One percent more pixels a side change every share by two percent at most."""
    before, after = dict(coarser_sides(finest)), dict(coarser_sides(finest + finest // 100))
    for side in after:
        assert after[side] - before.get(side, 0) <= 0.0205 * 1.5


@pytest.mark.parametrize("side", [0, -3, 63, "half", None])
def test_impossible_sides_are_refused(side: object) -> None:
    with pytest.raises(UsageError, match="The working side cannot be"):
        deraincli.load("balnet-lite-streak", working_side=side)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("size", [(1378, 1396), (601, 903), (777, 1000)])
def test_white_floats_stay_within_their_range(size: tuple[int, int], dtype: type) -> None:
    """Averages of ones may come out above one."""
    smaller = reduced(np.ones((*size, 3), dtype), USUAL_SIDE)
    assert smaller.max() <= 1
    assert smaller.min() > 0.999


@pytest.mark.parametrize(("value", "dtype"), [(2, np.float32), (np.nan, np.float32), (1, np.int32)])
def test_what_is_no_picture_is_refused_before_it_is_reduced(value: float, dtype: type) -> None:
    with pytest.raises(InputError, match="A picture"):
        to_finest_size(np.full((1100, 1200, 3), value, dtype), "auto")


def test_the_specialist_is_chosen_at_the_usual_size() -> None:
    photo = cv2.resize(skimage.data.coffee(), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    either = deraincli.load(precision="fp32", working_side="full")  # which does not bear on the choice
    assert isinstance(either, AutoDerainer)
    rainy, _ = add_drops(photo, np.random.default_rng(4), magnified(DROPS, 3))
    for picture in (rainy, cv2.cvtColor(rainy, cv2.COLOR_RGB2GRAY)[..., None]):
        smaller = cv2.resize(picture, (600, 400), interpolation=cv2.INTER_AREA)
        smaller = (smaller.reshape(400, 600, -1) / np.float32(255)).astype(np.float32)
        np.testing.assert_allclose(either.rain(picture), either.rain(smaller), rtol=1e-4)
        assert either.select(picture).name == "balnet-lite-drop"
