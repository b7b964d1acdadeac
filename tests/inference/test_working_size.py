"""Large pictures at the size at which rain is as large as the networks know it."""

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
from deraincli.geometry import Size
from deraincli.inference.tiling import Tiling
from deraincli.inference.working_size import (
    enlarged_rows,
    restore_at_working_size,
    to_working_size,
    working_size,
)
from deraincli.rain.drops import add_drops, magnified
from deraincli.rain.streaks import StreakStyle, add_rain, streak_layer
from deraincli.restoration.auto_model import AutoDerainer

WHOLE = Tiling(None, 0, 1)
BROAD = StreakStyle(length=40, defocus=1.5, angle=10, convergence=0, coverage=0.2, peak=0.4, clustering=0.5)


def photo(height: int, width: int, dtype: type = np.uint8) -> np.ndarray:
    """Smooth, so that its size hardly matters, and nowhere saturated."""
    noise = np.random.default_rng(3).random((9, 12, 3), np.float32)
    floats = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 0.98)
    return (
        (floats * np.iinfo(dtype).max).astype(dtype) if np.dtype(dtype).kind == "u" else floats.astype(dtype)
    )


@pytest.mark.parametrize(
    ("picture", "side", "expected"),
    [
        (Size(321, 481), "auto", Size(321, 481)),
        (Size(600, 5000), "auto", Size(600, 5000)),
        (Size(3000, 4000), "auto", Size(400, 533)),
        (Size(4000, 3000), "auto", Size(533, 400)),
        (Size(3000, 4000), "full", Size(3000, 4000)),
        (Size(300, 400), 150, Size(150, 200)),
        (Size(299, 400), 200, Size(299, 400)),
    ],
)
def test_the_shorter_side_decides(picture: Size, side: int | str, expected: Size) -> None:
    assert working_size(picture, side) == expected


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.integers(64, 2000) | st.just("auto"))
def test_a_working_size_has_the_proportions_and_is_never_larger(
    height: int, width: int, side: int | str
) -> None:
    picture = Size(height, width)
    smaller = working_size(picture, side)
    turned = working_size(Size(width, height), side)
    assert (turned.height, turned.width) == (smaller.width, smaller.height)
    if smaller != picture:
        assert min(smaller.height, smaller.width) == (400 if side == "auto" else side)
        assert smaller.height < height
        assert smaller.width < width
        scale = min(height, width) / min(smaller.height, smaller.width)
        assert max(smaller.height, smaller.width) == pytest.approx(max(height, width) / scale, abs=0.5001)
        assert working_size(smaller, side) == smaller


@pytest.mark.parametrize("side", [0, -3, 63, "half", None])
def test_impossible_sides_are_refused(side: object) -> None:
    with pytest.raises(UsageError, match="The working side cannot be"):
        deraincli.load("balnet-lite-streak", working_side=side)


@pytest.mark.parametrize("size", [Size(37, 50), Size(200, 311), Size(701, 64)])
def test_rows_are_enlarged_as_opencv_enlarges_the_whole(size: Size) -> None:
    small = np.random.default_rng(0).standard_normal((17, 23, 3)).astype(np.float32)
    whole = cv2.resize(small, (size.width, size.height), interpolation=cv2.INTER_CUBIC)
    for rows in (slice(0, 9), slice(9, 30), slice(size.height - 3, size.height)):
        np.testing.assert_allclose(enlarged_rows(small, size, rows), whole[rows], atol=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64, ">f4", ">f2"])
def test_what_changes_evenly_changes_as_at_full_size(dtype: type) -> None:
    picture = photo(123, 187, dtype)

    def darken(tile: np.ndarray) -> np.ndarray:
        return 0.5 * tile

    whole = restore_at_working_size(picture, "full", darken, WHOLE).image
    by_halves = restore_at_working_size(picture, 60, darken, WHOLE).image
    assert by_halves.dtype == picture.dtype
    scale = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    np.testing.assert_allclose(by_halves / scale, whole / scale, atol=0.012)  # three levels of 8 bits


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_left_alone_stays_to_the_bit(dtype: type) -> None:
    noise = np.random.default_rng(1).integers(0, np.iinfo(dtype).max + 1, (90, 140, 3)).astype(dtype)
    image = restore_at_working_size(noise, 30, lambda tile: tile + np.float32(1e-6), WHOLE).image
    np.testing.assert_array_equal(image, noise)


def test_maps_come_back_at_the_size_of_the_picture_and_in_place() -> None:
    picture = np.zeros((90, 120, 3), np.uint8)
    picture[:, 60:] = 255

    def mapped(tile: np.ndarray) -> np.ndarray:
        return np.concatenate([tile, tile[:2], tile[:2]])

    result = restore_at_working_size(picture, 30, mapped, WHOLE)
    assert result.ram is not None
    assert result.levels is not None
    assert result.levels.shape == (1, 2, 90, 120)
    for attention in (result.ram, result.cam, result.levels[0, 1]):
        np.testing.assert_array_equal(attention[:, :58], 0)
        np.testing.assert_array_equal(attention[:, 62:], 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("size", [(1378, 1396), (601, 903), (777, 1000)])
def test_white_floats_stay_within_their_range(size: tuple[int, int], dtype: type) -> None:
    """Averages of ones may come out above one."""
    smaller = to_working_size(np.ones((*size, 3), dtype), "auto")
    assert smaller.max() <= 1
    assert smaller.min() > 0.999


@pytest.mark.parametrize(("value", "dtype"), [(2, np.float32), (np.nan, np.float32), (1, np.int32)])
def test_what_is_no_picture_is_refused_before_it_is_reduced(value: float, dtype: type) -> None:
    with pytest.raises(InputError, match="A picture"):
        to_working_size(np.full((800, 900, 3), value, dtype), "auto")


@pytest.fixture(scope="module")
def large_photo() -> np.ndarray:
    return cv2.resize(skimage.data.coffee(), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)


def test_rain_of_a_large_photo_goes_only_at_the_working_size(large_photo: np.ndarray) -> None:
    """Three times as large, the same rain is unknown to the network."""
    layer = cv2.resize(streak_layer(400, 600, BROAD, np.random.default_rng(8)), (1800, 1200))
    rainy = add_rain(large_photo, layer)

    def left(side: int | str) -> float:
        restored = deraincli.load("balnet-lite-streak", working_side=side)(rainy)
        return float(cv2.norm(restored, large_photo) / cv2.norm(rainy, large_photo))

    assert left("auto") < 0.4
    assert left("full") > 0.9


def test_the_specialist_is_chosen_at_the_working_size(large_photo: np.ndarray) -> None:
    either = deraincli.load(precision="fp32", working_side="full")  # which does not bear on the choice
    assert isinstance(either, AutoDerainer)
    rainy, _ = add_drops(large_photo, np.random.default_rng(4), magnified(DROPS, 3))
    for picture in (rainy, cv2.cvtColor(rainy, cv2.COLOR_RGB2GRAY)[..., None]):
        smaller = cv2.resize(picture, (600, 400), interpolation=cv2.INTER_AREA)
        smaller = (smaller.reshape(400, 600, -1) / np.float32(255)).astype(np.float32)
        np.testing.assert_allclose(either.evidence(picture), either.evidence(smaller), rtol=1e-4)
        assert either.select(picture).name == "balnet-lite-drop"
