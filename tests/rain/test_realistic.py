"""Rain as in photos: a veil that never darkens, before scenes that stay what they are."""

from __future__ import annotations

import io

import cv2
import numpy as np
import PIL.Image
import PIL.ImageFilter
import pytest
import skimage.data

from deraincli.rain.realistic import (
    MIST_SHARE,
    NIGHT_SHARE,
    SPARSE_SHARE,
    as_jpeg,
    rain_before,
    rainy_scene,
    sharpened,
)

PHOTO = skimage.data.coffee()[:200, :300]


def draws(count: int) -> list[np.random.Generator]:
    return np.random.default_rng(7).spawn(count)


def test_a_seed_fixes_every_pixel() -> None:
    first, again, other = (
        rain_before(rainy_scene(PHOTO, rng), rng) for rng in map(np.random.default_rng, (5, 5, 6))
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_rain_never_darkens_and_hides_contrast() -> None:
    """Added light would keep differences; a veil makes them smaller, the more of it there is."""
    for rng in draws(20):
        rainy = rain_before(PHOTO, rng)
        assert (rainy >= PHOTO).all()
        assert (rainy != PHOTO).any()
    board = np.zeros((200, 300, 3), np.uint8)
    board[:, ::2] = 100  # columns side by side, on which as much rain falls
    for rng in draws(20):
        veiled = rain_before(board, rng).astype(float)
        assert (veiled[:, ::2] - 100).mean() < 0.75 * veiled[:, 1::2].mean()


def test_rain_does_not_show_before_what_is_brighter_than_the_sky() -> None:
    """The sky is grey but for some 5 %, so before a yellow wall rain shows in blue alone."""
    yellow = np.full((100, 100, 3), (250, 250, 20), np.uint8)
    for rng in draws(10):
        change = rain_before(yellow, rng).astype(int) - yellow
        assert change[..., :2].max() <= 5
        assert change[..., 2].max() > 10


def test_a_share_of_it_is_few_long_streaks() -> None:
    """Round specks would be snow, which must stay."""
    dark = np.zeros((200, 300, 3), np.uint8)
    rains = [rain_before(dark, rng)[..., 1] > 8 for rng in draws(200)]
    sparse = [rain.astype(np.uint8) for rain in rains if rain.mean() < 0.12]
    assert len(sparse) / len(rains) == pytest.approx(SPARSE_SHARE, abs=0.12)
    elongation = []
    for rain in sparse:
        outlines, _ = cv2.findContours(rain, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        sides = [sorted(cv2.minAreaRect(outline)[1]) for outline in outlines if len(outline) > 8]
        elongation += [(long + 1) / (short + 1) for short, long in sides]
    assert np.quantile(elongation, 0.1) > 2
    assert np.median(elongation) > 3.5


def test_half_of_it_comes_from_the_side() -> None:
    """The structure tensor's main direction is an independent measure of the lean."""
    leans = []
    for rng in draws(60):
        rain = cv2.GaussianBlur(rain_before(np.zeros((200, 200, 3), np.uint8), rng)[..., 1], (0, 0), 1)
        gy, gx = np.gradient(rain.astype(float))
        leans.append(np.rad2deg(0.5 * np.arctan2(2 * (gx * gy).sum(), (gx**2 - gy**2).sum())))
    assert 0.15 < (np.abs(leans) > 20).mean() < 0.5
    assert max(leans) > 30
    assert min(leans) < -30


def test_scenes_are_in_mist_or_in_the_dark_or_as_they_are() -> None:
    scenes = [rainy_scene(PHOTO, rng).astype(float) for rng in draws(400)]
    contrast = np.array([scene.std() for scene in scenes]) / PHOTO.std()
    brightest = np.array([scene.max() for scene in scenes])
    unchanged = np.array([np.array_equal(scene, PHOTO) for scene in scenes])
    dark = ~unchanged & (brightest < 255 * np.sqrt(0.41))
    night = (1 - MIST_SHARE) * NIGHT_SHARE
    assert unchanged.mean() == pytest.approx(1 - MIST_SHARE - night, abs=0.07)
    assert dark.mean() == pytest.approx(night, abs=0.06)
    assert (contrast[~unchanged & ~dark] < 1).all()


@pytest.mark.parametrize("quality", [60, 90])
def test_jpeg_is_that_of_other_encoders(quality: int) -> None:
    file = io.BytesIO()
    PIL.Image.fromarray(PHOTO).save(file, "JPEG", quality=quality)
    theirs = np.asarray(PIL.Image.open(file)).astype(int)
    ours = as_jpeg(PHOTO, quality).astype(int)
    assert np.abs(ours - theirs).mean() < 0.5
    assert np.abs(ours - PHOTO).mean() > 1


@pytest.mark.parametrize("amount", [0.0, 0.3, 1.0])
def test_sharpening_is_that_of_other_programs(amount: float) -> None:
    mask = PIL.ImageFilter.UnsharpMask(radius=1, percent=round(100 * amount), threshold=0)
    theirs = np.asarray(PIL.Image.fromarray(PHOTO).filter(mask)).astype(int)
    assert np.abs(sharpened(PHOTO, amount) - theirs).mean() < 0.6  # Pillow blurs with boxes
    assert (np.abs(sharpened(PHOTO, amount) - PHOTO.astype(int)).mean() > 1) == (amount > 0)
