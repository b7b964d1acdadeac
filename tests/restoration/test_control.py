"""Which share of a restoration is applied: the formula against exact fractions, and what counts as a mask."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest

from deraincli.errors import DerainError, InputError, UsageError
from deraincli.geometry import Size
from deraincli.restoration.control import Control
from deraincli.restoration.mask import Mask, mask_from

DTYPES = (np.uint8, np.uint16, np.float32, np.float64)
SHAPES = [(7, 9, 3), (7, 9, 1), (1, 1, 3)]


def picture(shape: tuple[int, ...], dtype: Any, seed: int) -> np.ndarray:
    """Noise that contains both ends of the range."""
    noise = np.random.default_rng(seed).random(shape).round(1)
    return (
        noise.astype(dtype)
        if dtype in (np.float32, np.float64)
        else (noise * np.iinfo(dtype).max).astype(dtype)
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_each_pixel_gets_its_share(dtype: Any, shape: tuple[int, ...]) -> None:
    before, after = picture(shape, dtype, 1), picture(shape, dtype, 2)
    mask, protect = (picture(shape[:2], np.uint8, seed) for seed in (3, 4))
    top = Fraction(1 if dtype in (np.float32, np.float64) else int(np.iinfo(dtype).max))
    for strength in (0.0, 0.3, 1.0, 1.5):
        result = Control(strength, Mask(mask), Mask(protect)).apply(before, after.copy())
        assert (result.dtype, result.shape) == (dtype, shape)
        for place in np.ndindex(shape):
            share = Fraction(strength) * int(mask[place[:2]]) * (255 - int(protect[place[:2]])) / 255**2
            old, new = (Fraction(float(array[place])) for array in (before, after))
            exact = min(max(old + share * (new - old), Fraction(0)), top)
            # Half a level by rounding the result, and a change of at most `top` by rounding the share.
            assert (
                abs(Fraction(float(result[place])) - exact)
                <= Fraction(1, 2) * (top > 1) + top / 2**17 + top / 10**6
            )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(40, 60), (4, 6), (1, 1), (2, 3), (400, 600), (13, 20)])
def test_black_keeps_every_bit_and_white_takes_every_bit(dtype: Any, size: tuple[int, int]) -> None:
    before, after = picture((40, 60, 3), dtype, 1), picture((40, 60, 3), dtype, 2)
    black, white = Mask(np.zeros(size, np.uint8)), Mask(np.full(size, 65535, np.uint16))
    for control in (Control(0), Control(mask=black), Control(protect=white), Control(1.5, black, white)):
        np.testing.assert_array_equal(control.apply(before, after.copy()), before)
    for control in (Control(), Control(mask=white), Control(protect=black), Control(1, white, black)):
        np.testing.assert_array_equal(control.apply(before, after.copy()), after)


def test_a_strength_above_one_stops_at_the_ends_of_the_range() -> None:
    before = np.array([[[10], [250], [100]]], np.uint8)
    after = np.array([[[0], [255], [120]]], np.uint8)
    assert Control(1.5).apply(before, after).ravel().tolist() == [0, 255, 130]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_small_mask_is_enlarged_smoothly(dtype: Any) -> None:
    """The result on white over black shows the mask itself."""
    values = picture((5, 7), dtype, 3)
    shown = Control(mask=Mask(values)).apply(np.zeros((50, 70, 1)), np.ones((50, 70, 1)))[..., 0]
    whole = cv2.resize(values / np.iinfo(dtype).max, (70, 50), interpolation=cv2.INTER_LINEAR).clip(0, 1)
    np.testing.assert_allclose(shown, whole, atol=1e-4)


def test_a_large_mask_is_averaged() -> None:
    values = picture((50, 70), np.uint8, 3)
    shown = Control(mask=Mask(values)).apply(np.zeros((5, 7, 1)), np.ones((5, 7, 1)))[..., 0]
    np.testing.assert_allclose(shown, values.reshape(5, 10, 7, 10).mean((1, 3)) / 255, atol=0.6 / 255)


def test_the_memory_does_not_grow_with_the_picture() -> None:
    peaks = []
    for height in (2000, 6000):
        before, after = (np.full((height, 2000, 3), level, np.uint16) for level in (100, 900))
        control = Control(0.5, Mask(np.full((20, 20 * 2000 // height), 255, np.uint8)))
        tracemalloc.start()
        control.apply(before, after)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


@pytest.mark.parametrize(
    ("mask", "fits"),
    [
        ((300, 400), True),
        ((75, 100), True),
        ((76, 100), True),  # a pixel too high
        ((3000, 4000), True),
        ((3029, 4000), True),  # 0.97 %
        ((3031, 4000), False),  # 1.03 %
        ((400, 300), False),
        ((100, 100), False),
    ],
)
def test_a_mask_has_the_proportions_of_its_picture(mask: tuple[int, int], fits: bool) -> None:
    control = Control(protect=Mask(np.zeros(mask, np.uint8), "The mask 'm.png'"))
    if fits:
        control.check(Size(3000, 4000))
        return
    with pytest.raises(InputError, match=r"The mask 'm.png' is .* and the picture 4000×3000"):
        control.check(Size(3000, 4000))


GREY = np.array([[0, 100, 255]], np.uint8)
AS_16_BIT = GREY.astype(np.uint16) * 257


@pytest.mark.parametrize(
    ("image", "means"),
    [
        (GREY, GREY),
        (GREY[..., None], GREY),
        (np.dstack([GREY] * 3), GREY),
        (AS_16_BIT, AS_16_BIT),
        (AS_16_BIT / 65535, AS_16_BIT),
        (GREY > 50, [[0, 255, 255]]),
        (PIL.Image.fromarray(GREY), GREY),
        (PIL.Image.fromarray(GREY).convert("RGB"), GREY),
        (PIL.Image.fromarray(GREY > 50), [[0, 255, 255]]),
        (PIL.Image.fromarray(AS_16_BIT), AS_16_BIT),
        # White paint on a transparent layer
        (PIL.Image.merge("LA", [PIL.Image.new("L", (3, 1), 255), PIL.Image.fromarray(GREY)]), GREY),
        (PIL.Image.merge("RGBA", [PIL.Image.new("L", (3, 1), 255)] * 3 + [PIL.Image.fromarray(GREY)]), GREY),
    ],
)
def test_every_kind_of_grey_picture_is_a_mask(image: Any, means: Any) -> None:
    np.testing.assert_array_equal(mask_from(image).values, means)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((2, 3, 4), np.uint8),
        np.zeros((0, 3), np.uint8),
        np.zeros(3, np.uint8),
        np.full((2, 3), 2.0),
        np.full((2, 3), np.nan),
        np.zeros((2, 3), np.int64),
        "mask.png",
        PIL.Image.new("CMYK", (2, 3)),
    ],
    ids=lambda image: type(image).__name__,
)
def test_anything_else_is_not(image: Any) -> None:
    with pytest.raises(DerainError):
        mask_from(image)


@pytest.mark.parametrize("strength", [-0.1, 1.6, float("nan"), float("inf")])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(UsageError, match=r"from 0 to 1\.5"):
        Control(strength)
