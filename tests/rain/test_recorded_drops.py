"""Drops taken from real pairs: what is known of a pane is found again, and put before other scenes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from deraincli.rain.linear_light import displayed, linear
from deraincli.rain.recorded_drops import RecordedDrops, _pane

Pixels = NDArray[np.uint8]
MIDDLE = (slice(100, 140), slice(100, 140))


def behind(clean: Pixels, transmission: float, light: float) -> Pixels:
    """A picture whose middle is behind a drop, 80 pixels wide, soft at its edge."""
    mask = np.zeros(clean.shape[:2], np.float32)
    cv2.circle(mask, (120, 120), 40, 1, cv2.FILLED)
    mask = cv2.GaussianBlur(mask, (0, 0), 4)[..., None]
    scene = linear(clean)
    return displayed(scene + mask * (transmission * scene + light - scene))


def pane_of(rainy: Pixels, clean: Pixels) -> NDArray[np.float32]:
    """Transmission and light, linear, H×W×4."""
    return linear(_pane(linear(rainy), linear(clean)))


@pytest.fixture(scope="module")
def textured() -> Pixels:
    tiles = np.random.default_rng(0).integers(30, 230, (60, 60, 3), dtype=np.uint8)
    return tiles.repeat(4, 0).repeat(4, 1)


@pytest.mark.parametrize(("transmission", "light"), [(0.2, 0.5), (0.5, 0.1), (0.7, 0.3)])
def test_transmission_and_light_are_found_where_the_scene_has_detail(
    textured: Pixels, transmission: float, light: float
) -> None:
    pane = pane_of(behind(textured, transmission, light), textured)
    inside = pane[MIDDLE].reshape(-1, 4).mean(0)
    assert inside[0] == pytest.approx(transmission, abs=0.1)
    # What is misjudged as let through is missing from the light: together they make the mean that is seen.
    mean = linear(textured)[MIDDLE].mean((0, 1))
    np.testing.assert_allclose(inside[0] * mean + inside[1:], transmission * mean + light, atol=0.02)
    assert pane[:30, :30, 0].min() > 0.98
    assert pane[:30, :30, 1:].max() < 0.02


def test_a_drop_darker_than_a_plain_scene_is_opaque() -> None:
    plain = np.full((240, 240, 3), 200, np.uint8)
    pane = pane_of(behind(plain, 0.3, 0), plain)
    assert pane[MIDDLE][..., 0].max() < 0.36
    assert pane[MIDDLE][..., 1:].max() < 0.02


def test_a_pair_of_equal_pictures_is_a_clear_pane(textured: Pixels) -> None:
    drops = RecordedDrops([(textured, textured)])
    clean = skimage.data.astronaut()[:128, :96]
    for seed in range(5):
        rainy = drops.add(clean, np.random.default_rng(seed))
        assert np.abs(rainy.astype(int) - clean).max() <= 2


def test_the_drops_of_one_scene_are_put_before_another(textured: Pixels) -> None:
    """A bright drop lightens some of a black scene, never all of it, and differently every time."""
    drops = RecordedDrops([(behind(textured, 0.2, 0.5), textured)])
    black = np.zeros((128, 128, 3), np.uint8)
    panes = [drops.add(black, np.random.default_rng(seed)) for seed in range(20)]
    wet = [(pane.max(2) > 100).mean() for pane in panes]
    assert 0.05 < np.mean(wet) < 0.6
    assert len({pane.tobytes() for pane in panes}) == len(panes)
    assert all((pane.max(2) < 20).any() for pane in panes)
