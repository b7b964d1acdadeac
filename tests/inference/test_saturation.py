"""Saturated pixels take the colour of their surroundings, and nothing else changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deraincli import geometry
from deraincli.inference.saturation import recolour_saturated

DTYPES = [np.uint8, np.uint16, np.float32]
LUMINANCE = np.array([0.299, 0.587, 0.114])


def stored(picture: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """A picture in 0–1 as an array of a dtype."""
    if np.dtype(dtype).kind == "f":
        return picture.astype(dtype)
    return np.rint(picture * np.iinfo(dtype).max).astype(dtype)


def values(picture: NDArray[Any]) -> NDArray[np.float64]:
    whole = 1 if picture.dtype.kind == "f" else np.iinfo(picture.dtype).max
    return picture / whole


def streaks(height: int, width: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """An orange wall, the same with grey rain that saturates its red, and with a green trace of the rain."""
    clean = np.empty((height, width, 3))
    clean[:] = 0.85, 0.5, 0.3
    rain = np.zeros((height, width, 1))
    rain[2:-2, 5::9] = rain[2:-2, 6::9] = 0.3
    rainy = (clean + rain).clip(0, 1)
    left = clean + rain * [-0.3, 0.2, 0.0]
    return clean, rainy, left


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_coloured_trace_gets_the_colour_around_it(dtype: type) -> None:
    clean, rainy, left = streaks(40, 60)
    restored = stored(left, dtype)
    recolour_saturated(stored(rainy, dtype), restored)

    def hue(picture: NDArray[Any]) -> NDArray[Any]:
        return picture - (picture @ LUMINANCE)[..., None]

    assert np.abs(hue(left) - hue(clean)).max() > 0.08
    assert np.abs(hue(values(restored)) - hue(clean)).max() < 0.006
    np.testing.assert_allclose(values(restored) @ LUMINANCE, left @ LUMINANCE, atol=0.003)


@pytest.mark.parametrize("dtype", DTYPES)
def test_pixels_that_are_not_saturated_or_not_darkened_keep_their_bits(dtype: type) -> None:
    rng = np.random.default_rng(0)
    rainy, left = stored(rng.uniform(0, 1, (50, 40, 3)), dtype), stored(rng.uniform(0, 1, (50, 40, 3)), dtype)
    channels = values(rainy) >= 253 / 255
    channels[:10], rainy[:10] = True, rainy.max()  # all channels
    saturated = channels.any(axis=2) & ~channels.all(axis=2)
    darkened = (values(rainy) > values(left)).any(axis=2)
    restored = left.copy()
    recolour_saturated(rainy, restored)
    changed = (restored != left).any(axis=2)
    assert changed.any()
    assert not changed[~(saturated & darkened)].any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_changes_without_saturated_pixels_or_without_a_restoration(dtype: type) -> None:
    rng = np.random.default_rng(1)
    dull, left = (
        stored(rng.uniform(0, 0.99, (30, 30, 3)), dtype),
        stored(rng.uniform(0, 1, (30, 30, 3)), dtype),
    )
    restored = left.copy()
    recolour_saturated(dull, restored)
    np.testing.assert_array_equal(restored, left)
    bright = stored(rng.uniform(0.9, 1, (30, 30, 3)), dtype)
    same = bright.copy()
    recolour_saturated(bright, same)
    np.testing.assert_array_equal(same, bright)


def test_where_all_is_saturated_there_are_no_surroundings() -> None:
    white = np.full((30, 30, 3), 255, np.uint8)
    left = np.full((30, 30, 3), (180, 220, 190), np.uint8)
    restored = left.copy()
    recolour_saturated(white, restored)
    np.testing.assert_array_equal(restored, left)


def test_grey_stays_grey() -> None:
    grey = np.repeat(np.random.default_rng(2).integers(0, 256, (30, 30, 1), np.uint8), 3, axis=2)
    left = grey // 2
    restored = left.copy()
    recolour_saturated(grey, restored)
    np.testing.assert_array_equal(restored, left)


def test_bands_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    rainy = rng.integers(200, 256, (90, 40, 3)).astype(np.uint8)
    left = rng.integers(0, 256, (90, 40, 3)).astype(np.uint8)
    whole, banded = left.copy(), left.copy()
    recolour_saturated(rainy, whole)
    monkeypatch.setattr(geometry, "_BAND_PIXELS", 40 * 7)
    recolour_saturated(rainy, banded)
    np.testing.assert_array_equal(banded, whole)
