"""Rain drawn drop by drop measures like the frames of Garg and Nayar's clip, at any size, slant and scale."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from deraincli.pixels import Floats
from deraincli.rain.perspective_streaks import RainVolume, perspective_layer, random_style

script = runpy.run_path(str(Path(__file__).parents[2] / "examples/rain/measure_streaks.py"))
measure, together, by_class = (script[name] for name in ("measure", "together", "by_class"))
SHAPE, QUANTILES = script["SHAPE"], script["QUANTILES"]
SHARES = (0.344, 0.305, 0.125, 0.123, 0.072, 0.029)
"""Share of the streaks of the clip's frames by class of width."""
LENGTHS = ((1, 5, 17), (5, 17, 37), (11, 33, 61), (15, 44, 86), (37, 77, 138), (69, 130, 215))
"""Their lengths: 10, 50 and 90 % quantiles, pixels."""
PEAKS = ((1, 7, 33), (9, 36, 132), (23, 69, 181), (42, 107, 220), (76, 154, 236), (109, 198, 240))
"""Their peaks: 10, 50 and 90 % quantiles, of 255."""


def sheared(layer: NDArray[np.uint8], slope: float) -> NDArray[np.uint8]:
    """Row y moved right by slope·y pixels, interpolated linearly; the canvas grows."""
    reach = int(np.ceil(abs(slope) * len(layer))) + 1
    wide = np.pad(layer.astype(np.float64), ((0, 0), (reach, reach)))
    columns = np.arange(wide.shape[1])
    rows = [np.interp(columns - slope * y, columns, row) for y, row in enumerate(wide)]
    return np.rint(rows).astype(np.uint8)


def grey(layer: Floats) -> NDArray[np.uint8]:
    return np.rint(layer * 255).astype(np.uint8)


def styles(count: int, seed: int = 3) -> list[tuple[RainVolume, np.random.Generator]]:
    return [(random_style(rng), rng) for rng in np.random.default_rng(seed).spawn(count)]


def upright(count: int, seed: int = 3) -> list[NDArray[np.uint8]]:
    return [
        grey(perspective_layer(*SHAPE, replace(style, slant=0), rng)) for style, rng in styles(count, seed)
    ]


@pytest.fixture(scope="module")
def layers() -> list[NDArray[np.uint8]]:
    return upright(300)


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> list[NDArray[np.uint8]]:
    folder = shared_data / "train/streaks_light"
    if not folder.is_dir():
        pytest.skip("frames of the clip are not here")
    return [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(folder.glob("*.png"))]


def test_the_measure_finds_known_shapes() -> None:
    layer = np.zeros((60, 50), np.uint8)
    layer[5:25, 3] = 7
    layer[30:50, 10:14] = 40
    layer[35, 12] = 200
    layer[51:54, 30:32] = 1
    layer[54, 32] = 1  # touches at a corner alone
    found = measure(layer)
    assert sorted(zip(*found, strict=True)) == [(1, 1, 1), (1, 20, 7), (2, 3, 1), (4, 20, 200)]


def test_the_measure_of_a_sheared_shape_widens_by_the_interpolation_alone() -> None:
    layer = np.zeros((60, 50), np.uint8)
    layer[5:45, 20:24] = 200
    found = measure(sheared(sheared(layer, 0.3), -0.3))
    assert found.lengths.tolist() == [40]
    assert 4 <= found.widths[0] <= 6


def test_shares_of_widths_are_the_clips(layers) -> None:
    found = together(layers)
    shares = [len(part.widths) / len(found.widths) for part in by_class(found)]
    assert shares == pytest.approx(SHARES, rel=0.35)


@pytest.mark.parametrize("quantity", ["lengths", "peaks"])
def test_lengths_and_peaks_grow_with_the_width_as_in_the_clip(layers, quantity: str) -> None:
    expected = {"lengths": LENGTHS, "peaks": PEAKS}[quantity]
    for part, quantiles in zip(by_class(together(layers)), expected, strict=True):
        found = np.percentile(getattr(part, quantity), QUANTILES)
        assert np.log(found + 4) == pytest.approx(np.log(np.add(quantiles, 4)), abs=0.45)


def test_count_mean_and_coverage_are_the_clips(layers) -> None:
    counts = [len(measure(layer).widths) for layer in layers]
    means = [layer.mean() for layer in layers]
    coverages = [(layer > 8).mean() for layer in layers]
    assert np.median(counts) == pytest.approx(516, rel=0.12)
    assert np.percentile(counts, 5) > 230
    assert np.percentile(counts, 95) < 780
    assert np.median(means) == pytest.approx(6.6, rel=0.25)
    assert np.percentile(means, 2) > 1.5
    assert np.percentile(means, 98) < 22
    assert np.median(coverages) == pytest.approx(0.163, rel=0.2)
    assert np.percentile(coverages, 2) > 0.05
    assert np.percentile(coverages, 98) < 0.36


def test_the_table_here_is_what_the_frames_measure(frames) -> None:
    found = together(frames)
    parts = by_class(found)
    assert [len(part.widths) / len(found.widths) for part in parts] == pytest.approx(SHARES, abs=0.001)
    for part, lengths, peaks in zip(parts, LENGTHS, PEAKS, strict=True):
        assert np.percentile(part.lengths, QUANTILES) == pytest.approx(lengths, abs=1)
        assert np.percentile(part.peaks, QUANTILES) == pytest.approx(peaks, abs=1)


def correlations(layers: list[NDArray[np.uint8]]) -> list[float]:
    """Of pixels with others 1, 2 and 4 to their right, then 4, 16 and 32 below."""
    stack = np.stack(layers).astype(np.float32)
    stack -= stack.mean((1, 2), keepdims=True)
    across = [(stack[..., step:] * stack[..., :-step]).mean() for step in (1, 2, 4)]
    down = [(stack[:, step:] * stack[:, :-step]).mean() for step in (4, 16, 32)]
    return [float(value / np.square(stack).mean()) for value in across + down]


def test_pixels_correlate_and_spread_as_in_the_frames(layers, frames) -> None:
    assert correlations(layers) == pytest.approx(correlations(frames), abs=0.09)
    ours, theirs = (np.stack(some) for some in (layers, frames))
    assert (ours > 0).mean() == pytest.approx((theirs > 0).mean(), rel=0.2)
    wet = [np.percentile(some[some > 0], [25, 50, 75, 90, 99]) for some in (ours, theirs)]
    assert wet[0] == pytest.approx(wet[1], rel=0.25, abs=3)


def test_slanted_layers_measure_as_frames_slanted_as_the_benchmark_does(frames) -> None:
    """After undoing the slant both have been interpolated alike."""
    slope = 0.3
    drawn = [grey(perspective_layer(*SHAPE, replace(style, slant=slope), rng)) for style, rng in styles(120)]
    ours = by_class(together([sheared(layer, -slope) for layer in drawn]))
    theirs = by_class(together([sheared(sheared(frame, slope), -slope) for frame in frames[::2]]))
    shares = [
        [len(part.widths) / sum(len(p.widths) for p in parts) for part in parts] for parts in (ours, theirs)
    ]
    assert shares[0] == pytest.approx(shares[1], rel=0.45)
    for mine, other in zip(ours[3:], theirs[3:], strict=True):
        for values, reference in ((mine.lengths, other.lengths), (mine.peaks, other.peaks)):
            found, expected = (np.log(np.median(some) + 4) for some in (values, reference))
            assert found == pytest.approx(expected, abs=0.5)


@pytest.mark.parametrize("shape", [(90, 120), (1, 1), (128, 128), (700, 33)])
def test_a_seed_fixes_every_pixel_of_any_size(shape: tuple[int, int]) -> None:
    style = random_style(np.random.default_rng(1))
    first, again, other = (
        perspective_layer(*shape, style, np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert first.shape == shape
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, again)
    assert shape == (1, 1) or not np.array_equal(first, other)
    assert first.min() >= 0
    assert first.max() <= style.white


@pytest.mark.parametrize("slant", [-0.5, -0.2, 0.0, 0.35])
def test_streaks_lean_as_their_slant_says(slant: float) -> None:
    """Of a picture f(x − slant · y) the slope down is −slant times the slope across."""
    rng = np.random.default_rng(2)
    style = replace(random_style(rng), slant=slant, deviation=0)
    layers = [cv2.GaussianBlur(perspective_layer(400, 400, style, rng), (9, 1), 1.5) for _ in range(12)]
    gy, gx = np.gradient(np.stack(layers), axis=(1, 2))
    assert -(gx * gy).sum() / (gx * gx).sum() == pytest.approx(
        slant, abs=0.03
    )  # differences of pixels overrate slopes


def test_a_crop_is_a_part_of_a_larger_picture() -> None:
    """Streaks that begin outside cross into it, so it is as wet at its edges as in a picture's middle."""
    rng = np.random.default_rng(4)
    style = replace(random_style(rng), slant=0.4)
    whole = np.concatenate([grey(perspective_layer(1024, 1024, style, rng)).ravel() for _ in range(8)])
    crops = np.stack([grey(perspective_layer(128, 128, style, rng)) for _ in range(600)])
    for part in (crops, crops[:, :8], crops[:, -8:], crops[:, :, :8], crops[:, :, -8:]):
        assert part.mean() == pytest.approx(whole.mean(), rel=0.1)
        assert (part > 8).mean() == pytest.approx((whole > 8).mean(), rel=0.06)
    assert np.percentile(crops, [90, 99]) == pytest.approx(np.percentile(whole, [90, 99]), rel=0.1)


@pytest.mark.parametrize(("scale", "across"), [(2.0, 1.0), (3.0, 1.0), (1.0, 2.0)])
def test_scale_enlarges_streaks_and_keeps_their_share_of_the_picture(scale: float, across: float) -> None:
    """The correlation of a layer enlarged is the correlation of the layer at a distance enlarged."""
    rng = np.random.default_rng(8)
    style = replace(random_style(rng), slant=0)
    large = replace(style, across=across)
    small_layers = [grey(perspective_layer(*SHAPE, style, rng)) for _ in range(40)]
    count = int(40 * scale**2 * across)
    layers = [grey(perspective_layer(*SHAPE, large, rng, scale=scale)) for _ in range(count)]
    assert np.mean(layers) == pytest.approx(np.mean(small_layers), rel=0.1)
    wide, narrow = (width_and_length(some[:80]) for some in (layers, small_layers))
    assert wide[0] / narrow[0] == pytest.approx(scale * across, rel=0.2)
    assert wide[1] / narrow[1] == pytest.approx(scale, rel=0.2)


def width_and_length(layers: list[NDArray[np.uint8]]) -> tuple[float, float]:
    """Distances across and down at which the correlation of pixels falls to a third."""
    stack = np.stack(layers).astype(np.float32)
    stack -= stack.mean()
    variance = np.square(stack).mean()
    reaches = []
    for turned, most in ((stack, 16), (stack.transpose(0, 2, 1), 120)):
        values = [1.0]
        values += [float((turned[..., s:] * turned[..., :-s]).mean() / variance) for s in range(1, most)]
        reaches.append(float(np.interp(-1 / 3, -np.array(values), np.arange(most))))
    return reaches[0], reaches[1]


def test_streaks_finer_than_a_pixel_keep_their_light() -> None:
    """At half the scale a layer is as bright in the mean as one reduced to half its size."""
    rng = np.random.default_rng(9)
    style = replace(random_style(rng), slant=0.2, brightness=0.03)
    native = [perspective_layer(*SHAPE, style, rng).mean() for _ in range(20)]
    small = [perspective_layer(SHAPE[0] // 2, SHAPE[1] // 2, style, rng, scale=0.5).mean() for _ in range(80)]
    assert np.mean(small) == pytest.approx(np.mean(native), rel=0.12)
