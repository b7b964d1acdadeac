"""A change of a smaller picture, carried over to the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deraincli.geometry import Size
from deraincli.inference.joint_upsampling import carry_over, enlarged_rows


def half(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def ramp(height: int, width: int) -> np.ndarray:
    """A soft background, 0.2 to 0.5."""
    return np.repeat(np.linspace(0.2, 0.5, height * width, dtype=np.float32).reshape(height, width, 1), 3, 2)


@pytest.mark.parametrize("size", [Size(37, 50), Size(200, 311), Size(701, 64)])
@pytest.mark.parametrize("channels", [1, 3])
def test_rows_are_enlarged_as_opencv_enlarges_the_whole(size: Size, channels: int) -> None:
    small = np.random.default_rng(0).standard_normal((17, 23, channels)).astype(np.float32)
    whole = cv2.resize(small, (size.width, size.height), interpolation=cv2.INTER_LINEAR)
    whole = whole.reshape(size.height, size.width, channels)
    for rows in (slice(0, 9), slice(9, 30), slice(size.height - 3, size.height)):
        np.testing.assert_allclose(enlarged_rows(small, size, rows), whole[rows], atol=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_without_a_change_the_picture_stays_to_the_bit(dtype: type) -> None:
    pixels = np.random.default_rng(1).integers(0, np.iinfo(dtype).max + 1, (90, 140, 3)).astype(dtype)
    smaller = half(pixels.astype(np.float32) / np.iinfo(dtype).max)
    np.testing.assert_array_equal(carry_over(pixels, smaller, np.zeros_like(smaller)), pixels)


@given(st.integers(0, 99), st.integers(2, 5))
@settings(max_examples=20)
def test_nothing_becomes_brighter_where_the_smaller_picture_becomes_darker(seed: int, times: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.random((20 * times, 30 * times, 3), np.float32)
    smaller = cv2.resize(pixels, (30, 20), interpolation=cv2.INTER_AREA)
    change = -smaller * rng.random(smaller.shape, np.float32)
    assert (carry_over(pixels, smaller, change) <= pixels + 1e-6).all()


def test_a_streak_finer_than_the_smaller_pixels_goes_without_a_rim() -> None:
    """Enlarging the change alone leaves half of the streak, and a dark rim beside it."""
    clean = ramp(120, 160)
    rainy = clean.copy()
    rainy[:, 60:61] += 0.4
    smaller = half(rainy)
    change = half(clean) - smaller
    restored = carry_over(rainy, smaller, change)
    blurred = rainy + cv2.resize(change, (160, 120), interpolation=cv2.INTER_LINEAR)
    assert np.abs(restored - clean)[:, 60].max() < 0.35 * np.abs(blurred - clean)[:, 60].max()
    assert (clean - restored).max() < 0.5 * (clean - blurred).max()


def test_a_broad_streak_ends_at_the_edge_that_the_picture_shows() -> None:
    clean = ramp(120, 160)
    rainy = clean.copy()
    rainy[:, 61:78] += 0.3
    smaller = half(rainy)
    change = half(clean) - smaller
    restored = carry_over(rainy, smaller, change)
    blurred = rainy + cv2.resize(change, (160, 120), interpolation=cv2.INTER_LINEAR)
    error, before = np.abs(restored - clean), np.abs(blurred - clean)
    assert error.max() < 0.3 * before.max()
    assert error.mean() < 0.3 * before.mean()
