"""Pictures restored at several sizes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data

import deraincli
from deraincli.inference.passes import restore_in_passes
from deraincli.inference.tiled import restore_tiled
from deraincli.inference.tiling import Tiling, choose_tiling
from deraincli.rain.perspective_streaks import perspective_rain

WHOLE = Tiling(None, 0, 1)


def photo(height: int, width: int, dtype: type = np.uint8) -> np.ndarray:
    """Smooth, so that its size hardly matters, and nowhere saturated."""
    values = np.random.default_rng(3).random((9, 12, 3), np.float32)
    floats = cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 0.98)
    return (
        (floats * np.iinfo(dtype).max).astype(dtype) if np.dtype(dtype).kind == "u" else floats.astype(dtype)
    )


def noise(height: int, width: int, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(1).integers(0, np.iinfo(dtype).max + 1, (height, width, 3)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64, ">f4", ">f2"])
def test_what_changes_evenly_changes_as_at_full_size(dtype: type) -> None:
    picture = photo(123, 187, dtype)

    def darken(tile: np.ndarray) -> np.ndarray:
        return 0.5 * tile

    whole = restore_in_passes(picture, "full", darken, WHOLE).image
    by_halves = restore_in_passes(picture, 60, darken, WHOLE).image
    assert by_halves.dtype == picture.dtype
    scale = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    np.testing.assert_allclose(by_halves / scale, whole / scale, atol=0.012)  # three levels of 8 bits


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("size", "side"), [((90, 140), 30), ((430, 500), "auto"), ((1100, 1010), "auto")])
def test_what_no_pass_changes_stays_to_the_bit(dtype: type, size: tuple[int, int], side: int | str) -> None:
    picture = noise(*size, dtype)
    result = restore_in_passes(picture, side, lambda tile: tile + np.float32(1e-6), WHOLE)
    np.testing.assert_array_equal(result.image, picture)


@pytest.mark.parametrize(
    ("size", "side", "sides"),
    [
        ((300, 400), "auto", (300,)),
        ((500, 400), "auto", (400,)),
        ((650, 700), "auto", (650, 400)),
        ((1200, 1300), "auto", (1000, 400)),
        ((1200, 1300), "full", (1200,)),
        ((1200, 1300), 1100, (1100, 1000, 400)),
        ((1200, 1300), 300, (300,)),
    ],
)
def test_the_result_says_at_which_sides_it_was_restored(
    size: tuple[int, int], side: int | str, sides: tuple[int, ...]
) -> None:
    seen = []

    def run(tile: np.ndarray) -> np.ndarray:
        seen.append(min(tile.shape[1:]))
        return tile

    assert restore_in_passes(noise(*size), side, run, WHOLE).sides == sides == tuple(seen)


def test_progress_rises_by_tiles_to_the_total_of_all_passes() -> None:
    calls: list[tuple[int, int]] = []
    tiling = choose_tiling(256, 32, margin=0, multiple=32)
    restore_in_passes(
        noise(600, 700), "auto", lambda tile: tile, tiling, on_progress=lambda *call: calls.append(call)
    )
    total = len(calls)
    assert total > 12
    assert calls == [(done, total) for done in range(1, total + 1)]


def test_maps_come_back_at_the_size_of_the_picture_and_in_place() -> None:
    picture = np.zeros((90, 120, 3), np.uint8)
    picture[:, 60:] = 255

    def mapped(tile: np.ndarray) -> np.ndarray:
        return np.concatenate([tile, tile[:2], tile[:2]])

    result = restore_in_passes(picture, 30, mapped, WHOLE)
    assert result.ram is not None
    assert result.levels is not None
    assert result.levels.shape == (1, 2, 90, 120)
    for attention in (result.ram, result.cam, result.levels[0, 1]):
        np.testing.assert_array_equal(attention[:, :58], 0)
        np.testing.assert_array_equal(attention[:, 62:], 1)


def test_the_maps_join_what_every_pass_found() -> None:
    def mapped(tile: np.ndarray) -> np.ndarray:
        """Finds rain on the left at the fine size, and on the right at the coarse one."""
        ram = np.zeros((1, *tile.shape[1:]), np.float32)
        middle = ram.shape[2] // 2
        fine = tile.shape[1] > 400
        ram[:, :, slice(None, middle) if fine else slice(middle, None)] = 0.8
        return np.concatenate([tile, ram, 1 - ram])

    result = restore_in_passes(noise(600, 800), "auto", mapped, WHOLE)
    assert result.ram is not None
    assert result.cam is not None
    np.testing.assert_allclose(result.ram, 0.8, atol=1e-6)
    np.testing.assert_allclose(result.cam, 0.2, atol=1e-6)


@pytest.fixture(scope="module")
def derainer() -> deraincli.Derainer:
    return deraincli.load("balnet-lite-streak", precision="fp32")


def rainy(clean: np.ndarray, scale: float) -> np.ndarray:
    layer = perspective_rain(*clean.shape[:2], np.random.default_rng(8), scale=scale)
    return np.clip(clean + np.rint(255 * layer)[..., None], 0, 255).astype(np.uint8)


def test_fine_rain_of_a_large_photo_goes_and_the_coarse_pass_leaves_no_rims(
    derainer: deraincli.Derainer,
) -> None:
    """At the usual size alone, streaks of a pixel keep their cores and get dark rims."""
    clean = skimage.data.astronaut()
    clean = np.ascontiguousarray(cv2.resize(clean, (800, 800), interpolation=cv2.INTER_CUBIC)[:, 100:620])
    picture = rainy(clean, 1.0)
    smaller = cv2.resize(picture, (400, 615), interpolation=cv2.INTER_AREA)
    change = derainer(smaller).astype(np.float32) - smaller
    enlarged = picture + cv2.resize(change, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    restored = derainer(picture)

    def error(image: np.ndarray) -> float:
        return float(np.square(image.astype(np.float32) - clean).mean())

    assert error(restored) < 0.7 * error(enlarged.clip(0, 255))
    beside = picture.max(2) == clean.max(2)  # without rain of their own
    dark = {
        name: float(((image.astype(np.float32) - clean).min(2) < -3)[beside].mean())
        for name, image in (("restored", restored), ("enlarged", enlarged))
    }
    assert dark["restored"] < 0.6 * dark["enlarged"]


@pytest.mark.parametrize("side", [390, 400, 450, 590, 600, 990, 1000])
def test_a_hundredth_more_pixels_a_side_gives_nearly_the_same(side: int) -> None:
    """Neither where a pass begins or ends its fade-in, nor where the finest side stays behind, is a jump."""

    def brightness(length: int) -> float:
        picture = noise(length, length)
        return float(restore_in_passes(picture, "auto", lambda tile: 0.5 * tile, WHOLE).image.mean())

    assert abs(brightness(round(1.01 * side)) - brightness(side)) < 0.015 * 128


def test_tiles_agree_with_the_whole_in_every_pass() -> None:
    """A stand-in for the network whose context is small."""

    def blur(tile: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(cv2.blur(tile.transpose(1, 2, 0), (9, 9)).transpose(2, 0, 1))

    picture = noise(650, 800)
    whole = restore_in_passes(picture, "auto", blur, Tiling(None, 0, 32)).image.astype(int)
    tiled = restore_in_passes(picture, "auto", blur, choose_tiling(256, "auto", margin=8, multiple=32)).image
    assert np.abs(whole - tiled).max() <= 1
    alone = restore_tiled(picture, blur, Tiling(None, 0, 32)).image
    assert np.abs(whole - alone).max() > 1, "the second pass did nothing"
