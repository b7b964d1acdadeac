"""Lens drops: the optics they claim to follow, and the look of real ones."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from paired import DROPS, scene

from deraincli.rain.drop_styles import crisp_style, drop_style, magnified
from deraincli.rain.drops import add_drops

STYLE = replace(
    DROPS, defocus=6, radius=7, density=0.4, sky=(0.6, 0.6, 0.6), ground=0.5, rim=0.3, highlights=0
)


def linear(picture: np.ndarray) -> np.ndarray:
    """Light, with the square that stands for sRGB's curve."""
    return np.square(picture / 255)


def test_a_seed_fixes_every_pixel() -> None:
    clean = scene(0, 70, 90)
    first, again, other = (add_drops(clean, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (97, 61)])
def test_what_no_drop_covers_is_unchanged(size) -> None:
    clean = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for seed in range(25):
        rainy, mask = add_drops(clean, np.random.default_rng(seed))
        assert (rainy.shape, rainy.dtype, mask.shape, mask.dtype) == (clean.shape, np.uint8, size, np.float32)
        assert 0 <= mask.min() <= mask.max() <= 1
        np.testing.assert_array_equal(rainy[mask == 0], clean[mask == 0])


def test_a_drop_takes_no_more_light_than_it_covers() -> None:
    clean = scene(1, 120, 160)
    rainy, mask = add_drops(clean, np.random.default_rng(1), STYLE)
    assert mask.max() > 0.5
    left = (1 - mask[..., None]) * linear(clean)
    assert (linear(rainy) >= left - 1.5 / 255).all()


def test_optics_are_linear_in_the_scenes_light() -> None:
    """Half the light from the scene: half of what it adds to that of the sky."""
    bright = scene(2, 120, 160)
    half = np.rint(bright * np.sqrt(0.5)).astype(np.uint8)
    seen = [linear(add_drops(s, np.random.default_rng(2), STYLE)[0]) for s in (0 * bright, half, bright)]
    assert seen[2].max() < 1
    np.testing.assert_allclose(seen[1] - seen[0], (seen[2] - seen[0]) / 2, atol=0.02)


@pytest.mark.parametrize("defocus", [5, 12, 25])
def test_edges_are_as_soft_as_the_blur_circle_makes_them(defocus) -> None:
    """A disc of radius r, averaged over anything between 0 and 1, changes by at most 2 / (π r) a pixel.

    The layer is coarse and enlarged with a cubic, which adds up to a quarter.
    """
    style = replace(STYLE, defocus=defocus, radius=3 * defocus)
    _, mask = add_drops(scene(3, 240, 320), np.random.default_rng(3), style)
    steepest = np.hypot(*np.gradient(mask)).max()
    assert 0.6 < steepest * np.pi * defocus / 2 < 1.25


def test_drops_show_the_scene_upside_down() -> None:
    """Sky in their lower half: the light of a drop lies below its middle."""
    black = np.zeros((240, 320, 3), np.uint8)
    style = replace(STYLE, density=0.1, ground=0, defocus=2, radius=12, spread=0.1)
    rainy, mask = add_drops(black, np.random.default_rng(4), style)
    light = linear(rainy).sum(2)
    count, labels = cv2.connectedComponents((mask > 0.3).astype(np.uint8))
    rows = np.arange(240)[:, None]
    lower = [
        (light * rows)[labels == drop].sum() / light[labels == drop].sum()
        - np.broadcast_to(rows, labels.shape)[labels == drop].mean()
        for drop in range(1, count)
        if light[labels == drop].any()
    ]
    assert len(lower) > 4
    assert np.mean(np.array(lower) > 1) > 0.8


def test_drops_before_a_crop_show_the_photo_around_it() -> None:
    """All the light of a pane before darkness comes from what surrounds it, in its colour."""
    dark, red = np.zeros((90, 120, 3), np.uint8), np.full((50, 70, 3), (200, 0, 0), np.uint8)
    pane = replace(STYLE, sky=(0, 0, 0), ground=1, rim=0)
    (lit, mask), (unlit, _) = (
        add_drops(dark, np.random.default_rng(7), pane, surroundings) for surroundings in (red, dark)
    )
    assert not unlit.any()
    assert not lit[..., 1:].any() and (lit[..., 0] > 0).sum() > 0.5 * (mask > 0.1).sum()
    # Alone, a picture is its own surroundings.
    photo = scene(5, 90, 120)
    alone, around = (add_drops(photo, np.random.default_rng(8), pane, each)[0] for each in (None, photo))
    np.testing.assert_array_equal(alone, around)


def test_a_magnified_pane_is_as_wet() -> None:
    def wet(factor: int) -> float:
        clean = np.zeros((100 * factor, 150 * factor, 3), np.uint8)
        style = magnified(STYLE, factor)
        return float(np.mean([add_drops(clean, np.random.default_rng(s), style)[1].mean() for s in range(8)]))

    assert wet(3) == pytest.approx(wet(1), rel=0.2)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(cv2.PSNR(*(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (a, b))))


def wet_parts(rainy: np.ndarray, clean: np.ndarray) -> tuple[float, float, float]:
    """How much of the picture differs, how much detail is left there, and how fine the difference is.

    Returns:
        The share of the picture whose surroundings differ by over 25 levels; the detail there relative to the
        clean picture's; the share of the difference's standard deviation that a blur of 4 pixels takes away.
    """
    differs = cv2.GaussianBlur(cv2.absdiff(rainy, clean).mean(2), (0, 0), 3) > 25
    detail = (
        np.abs(cv2.Laplacian(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), cv2.CV_32F))[differs].mean()
        for p in (rainy, clean)
    )
    change = (rainy.astype(np.float32) - clean).mean(2)
    fine = (change - cv2.GaussianBlur(change, (0, 0), 4)).std() / change.std()
    return float(differs.mean()), next(detail) / next(detail), float(fine)


def test_synthetic_drops_spread_around_real_ones(shared_data) -> None:
    """PSNR, wet share and sharpness of the wet parts: of the real pairs, and on the same clean photos."""
    real, ours = [], []
    for file in sorted((shared_data / "train" / "raindrop_4" / "input").glob("*.png")):
        rainy, clean = (
            cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            for path in (file, file.parents[1] / "target" / file.name)
        )
        real.append((psnr(rainy, clean), *wet_parts(rainy, clean)))
        for seed in range(6):
            made, _ = add_drops(clean, np.random.default_rng([seed, len(real)]))
            ours.append((psnr(made, clean), *wet_parts(made, clean)))
    side_by_side = f"PSNR, wet share, detail, fineness\nreal {np.round(real, 2)}\nours {np.round(ours, 2)}"
    assert np.all(np.quantile(ours, 0.1, axis=0) < np.median(real, axis=0)), side_by_side
    assert np.all(np.quantile(ours, 0.9, axis=0) > np.median(real, axis=0)), side_by_side
    assert np.median(ours, axis=0)[2] == pytest.approx(np.median(real, axis=0)[2], abs=0.1), side_by_side


def test_crisp_drops_are_small_many_and_sharp() -> None:
    """By the hundred, 4–25 pixels wide, with edges a few pixels wide: most of a drop is wholly opaque."""
    rng = np.random.default_rng(9)
    clean = scene(6, 480, 720)
    counts, steepest = [], []
    for _ in range(12):
        style = replace(crisp_style(rng), film=0, veil=0)
        _, mask = add_drops(clean, rng, style)
        _, _, boxes, _ = cv2.connectedComponentsWithStats((mask > 0.5).astype(np.uint8))
        widths = boxes[1:, cv2.CC_STAT_WIDTH]
        counts.append(((widths >= 4) & (widths <= 25)).sum())
        steepest.append(np.hypot(*np.gradient(mask)).max() * style.defocus)
    assert np.median(counts) > 100
    assert min(steepest) > 0.25


def test_a_crisp_drop_shows_the_scene_upside_down() -> None:
    """A scene red above and blue below: drops are bluer above their middle and redder below it."""
    halves = np.zeros((240, 320, 3), np.uint8)
    halves[:120, :, 0] = halves[120:, :, 2] = 200
    pane = replace(
        STYLE, defocus=1, radius=14, spread=0, density=0.15, sky=(0, 0, 0), ground=0, rim=0, elongation=0
    )
    grey = np.zeros_like(halves)
    rainy, mask = add_drops(grey, np.random.default_rng(10), pane, halves)
    count, labels, boxes, centres = cv2.connectedComponentsWithStats((mask > 0.5).astype(np.uint8))
    rows = np.arange(240)[:, None]
    seen = 0
    for drop in range(1, count):
        if boxes[drop, cv2.CC_STAT_WIDTH] > 30:  # merged drops, or one cut by the border
            continue
        inside = rainy[labels == drop].astype(float)
        height = np.broadcast_to(rows, labels.shape)[labels == drop] - centres[drop][1]
        if inside[:, 0].sum() and inside[:, 2].sum():
            seen += 1
            red, blue = (np.average(height, weights=inside[:, channel]) for channel in (0, 2))
            assert red > blue
    assert seen > 5


def test_styles_vary() -> None:
    rng = np.random.default_rng(6)
    styles = [drop_style(rng) for _ in range(300)]
    assert max(s.defocus for s in styles) > 5 * min(s.defocus for s in styles)
    assert 0.2 < np.mean([s.runs > 0 for s in styles]) < 0.4
