"""Mist, streaks and drops together: laws of the mask, and streaks beside those of the field's sets."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from paired import scene

from deraincli.errors import InputError, UsageError
from deraincli.rain.mist import add_mist
from deraincli.rain.streaks import add_rain
from deraincli.rain.synthesis import COMMON_SIDE, Recipe, synthesise

LIGHT = {"Rain100L": (5.6, 0.17, 66), "Rain12": (4.7, 0.19, 40), "Rain200L": (5.0, 0.19, 53)}
HEAVY = {"Rain200H": (56, 0.82, 158)}
"""Measured on the sets: mean of R (0–255), share of pixels where it exceeds 8, 99th percentile."""


@pytest.mark.parametrize(
    ("kind", "heavy", "blend", "veil"),
    list(itertools.product(("streak", "drop", "both"), (False, True), ("add", "screen"), (0, 0.5))),
)
def test_a_photo_is_unchanged_where_the_mask_is_zero(kind, heavy, blend, veil) -> None:
    clean = np.random.default_rng(0).integers(0, 256, (61, 83, 3), dtype=np.uint8)
    recipe = Recipe(kind, heavy, blend, veil)
    for seed in range(4):
        rainy, mask = synthesise(clean, recipe, np.random.default_rng(seed))
        assert 0 <= mask.min() <= mask.max() <= 1
        assert np.any(rainy != clean)
        np.testing.assert_array_equal(rainy[mask == 0], clean[mask == 0])


@pytest.mark.parametrize("heavy", [False, True])
def test_streaks_are_exactly_what_the_mask_says(heavy) -> None:
    clean = scene(1, 80, 90)
    rainy, mask = synthesise(clean, Recipe("streak", heavy), np.random.default_rng(1))
    np.testing.assert_array_equal(rainy, np.clip(clean + np.rint(255.0 * mask)[..., None], 0, 255))
    rainy, mask = synthesise(clean, Recipe("streak", heavy, "screen"), np.random.default_rng(1))
    np.testing.assert_allclose(255.0 - rainy, (255.0 - clean) * (1 - mask[..., None]), atol=0.51)


def test_screen_hides_and_never_saturates() -> None:
    clean, rain = np.full((1, 256, 3), 200, np.uint8), np.arange(256, dtype=np.float32)[None] / 255
    screened = add_rain(clean, rain, "screen")
    assert np.array_equal(screened[0, [0, 255], 0], [200, 255])
    assert np.all(screened <= add_rain(clean, rain))
    assert np.all(np.diff(screened[0, :, 0].astype(int)) >= 0)


def test_mist_lowers_contrast_and_adds_one_grey() -> None:
    """t·B + (1 − t)·A: black and white differ by 255 t, and A follows from black alone."""
    black, white = np.zeros((50, 70, 3), np.uint8), np.full((50, 70, 3), 255, np.uint8)
    (dark, share), (bright, _) = (add_mist(p, 0.6, np.random.default_rng(2)) for p in (black, white))
    assert 0.1 < share.min() < share.max() <= 0.6
    np.testing.assert_allclose((bright.astype(float) - dark).mean(2), 255 * (1 - share), atol=1)
    light = dark / share[..., None]
    assert np.ptp(light) < 5


@pytest.mark.parametrize(("heavy", "sets"), [(False, LIGHT), (True, HEAVY)])
def test_streaks_beside_those_of_the_sets(heavy, sets) -> None:
    """Rain on black is R itself. Means over many pictures lie within a quarter of the sets' range."""
    black = np.zeros((160, 240, 3), np.uint8)
    drawn = []
    for seed in range(80):
        rain = synthesise(black, Recipe("streak", heavy), np.random.default_rng([seed, 7]))[0][..., 0]
        drawn.append((rain.mean(), (rain > 8).mean(), np.percentile(rain, 99)))
    ours = np.mean(drawn, axis=0)
    table = "\n".join(f"{name:9} {np.round(row, 2)}" for name, row in {**sets, "ours": ours}.items())
    references = np.array(list(sets.values()))
    assert np.all(ours > 0.75 * references.min(axis=0)), table
    assert np.all(ours < 1.25 * references.max(axis=0)), table


def test_rain_grows_with_the_picture() -> None:
    """Across the fall, neighbouring pixels are the more alike the more of them a streak is wide."""

    def change(side: int) -> float:
        rain, _ = synthesise(np.zeros((side, side, 3), np.uint8), Recipe("streak"), np.random.default_rng(3))
        row_changes = np.abs(np.diff(rain[..., 0].astype(float), axis=1))
        return float(row_changes.mean() / rain.mean())

    assert change(3 * COMMON_SIDE) < 0.5 * change(COMMON_SIDE)


@pytest.mark.parametrize("veil", [-0.1, 1.1, float("nan")])
def test_a_veil_is_a_share(veil) -> None:
    with pytest.raises(UsageError, match="0 to 1"):
        Recipe("streak", veil=veil)


def test_what_opencv_cannot_draw_is_refused() -> None:
    with pytest.raises(InputError, match="30000 pixels"):
        synthesise(np.zeros((2, 30_001, 3), np.uint8), Recipe("drop"), np.random.default_rng(0))
