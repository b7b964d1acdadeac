"""Synthetic streaks: reproducible, in range, with the statistics they were asked for."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from deraincli.rain.recorded_streaks import RecordedLayers
from deraincli.rain.streaks import StreakStyle, add_rain, heavy_rain, light_rain, light_style, streak_layer

STYLE = StreakStyle(length=20, defocus=0.6, angle=10, convergence=0, coverage=0.2, peak=0.3, clustering=0.5)


@pytest.mark.parametrize("draw", [light_rain, heavy_rain])
def test_a_seed_fixes_every_pixel(draw) -> None:
    first, again, other = (draw(90, 120, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert first.shape == (90, 120)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.min() >= 0
    assert first.max() <= 1


def test_a_layer_has_the_coverage_and_peak_of_its_style() -> None:
    layer = streak_layer(300, 400, STYLE, np.random.default_rng(1))
    assert (layer > 0).mean() == pytest.approx(STYLE.coverage, abs=0.03)
    assert np.quantile(layer, 0.99) == pytest.approx(STYLE.peak, rel=0.15)


@pytest.mark.parametrize("angle", [-30, 0, 25])
def test_streaks_lean_as_their_angle_says(angle: float) -> None:
    """The structure tensor's main direction is an independent measure of the lean."""
    style = replace(STYLE, angle=angle, length=30)
    layer = streak_layer(300, 300, style, np.random.default_rng(2))
    layer = cv2.GaussianBlur(layer, (0, 0), 1)
    gy, gx = np.gradient(layer)
    across = 0.5 * np.arctan2(2 * (gx * gy).sum(), (gx**2 - gy**2).sum())
    assert np.rad2deg(across) == pytest.approx(angle, abs=3)


def test_longer_styles_make_longer_streaks() -> None:
    """Along the fall, long streaks stay correlated over a distance that short ones do not."""

    def correlation(length: float) -> float:
        style = replace(STYLE, angle=0, length=length)
        layer = streak_layer(400, 400, style, np.random.default_rng(3))
        return float(np.corrcoef(layer[:-12].ravel(), layer[12:].ravel())[0, 1])

    assert correlation(50) > correlation(8) + 0.3


def test_rain_is_added_clipped_and_grey() -> None:
    clean = np.full((2, 2, 3), (10, 100, 250), np.uint8)
    rain = np.array([[0, 10], [100, 255]], np.float32) / 255
    expected = np.minimum(clean.astype(int) + np.array([[0, 10], [100, 255]])[..., None], 255)
    np.testing.assert_array_equal(add_rain(clean, rain), expected)


def test_light_rain_resembles_the_light_sets() -> None:
    """The mean over many layers lies among the published statistics of R (0–255).

    Mean, share above 8 and 99th percentile are 5.6, 17 % and 66 for Rain100L, 4.7, 19 % and 40 for Rain12,
    and 5.0, 19 % and 53 for Rain200L.
    """
    rng = np.random.default_rng(4)
    layers = [np.rint(light_rain(160, 240, rng) * 255) for _ in range(150)]
    assert 4 < np.mean([layer.mean() for layer in layers]) < 7
    assert 0.14 < np.mean([(layer > 8).mean() for layer in layers]) < 0.24
    assert 40 < np.mean([np.percentile(layer, 99) for layer in layers]) < 80


def test_heavy_rain_resembles_the_heavy_set() -> None:
    """Rain200H: 56, 82 %, 158."""
    rng = np.random.default_rng(5)
    layers = [np.rint(heavy_rain(160, 240, rng) * 255) for _ in range(80)]
    assert 35 < np.mean([layer.mean() for layer in layers]) < 75
    assert 0.65 < np.mean([(layer > 8).mean() for layer in layers]) < 0.95
    assert 120 < np.mean([np.percentile(layer, 99) for layer in layers]) < 200


def test_styles_vary() -> None:
    rng = np.random.default_rng(6)
    angles = [light_style(rng).angle for _ in range(200)]
    assert np.std(angles) > 8


@pytest.mark.parametrize("heavy", [False, True])
def test_recorded_layers_never_exceed_full_scale(tmp_path, heavy: bool) -> None:
    """Beyond 1 the layer would not fit into 8 bits, and the brightest streaks would turn dark."""
    cv2.imwrite(str(tmp_path / "white.png"), np.full((60, 60), 255, np.uint8))
    recorded = RecordedLayers(tmp_path)
    layers = [recorded.sample(8, 8, np.random.default_rng(seed), heavy=heavy) for seed in range(20)]
    assert min(map(np.min, layers)) >= 0
    assert max(map(np.max, layers)) <= 1


def test_recorded_layers_thin_out_to_light_rain(tmp_path) -> None:
    heavy = np.rint(heavy_rain(200, 300, np.random.default_rng(7)) * 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "layer.png"), heavy)
    recorded = RecordedLayers(tmp_path)
    rng = np.random.default_rng(8)
    light = [recorded.sample(64, 64, rng, heavy=False) for _ in range(30)]
    dense = [recorded.sample(64, 64, rng, heavy=True) for _ in range(30)]
    assert all(layer.shape == (64, 64) and layer.min() >= 0 and layer.max() <= 1 for layer in light)
    assert np.mean([(layer > 0).mean() for layer in light]) < 0.5 * np.mean([(d > 0).mean() for d in dense])
