"""Procedural rain streaks from thresholded, motion-blurred noise.

The data sets of the field are `clip(B + R)` with a grey layer R ≥ 0. A layer here is sparse noise that is
defocused and smeared along the fall. It is cut at a quantile, which leaves separate streaks of varied length
and strength, and then scaled to a peak. Two numbers set its statistics directly. One is the share of the
picture that it covers, the other its 99th percentile. Ranges follow measurements on Rain100L, Rain12 and
Rain200H.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.rain.random_numbers import log_uniform

Layer = NDArray[np.float32]
"""A streak layer R to add to the clean picture, H×W, float32, 0–1 of full scale."""
Blend = Literal["add", "screen"]

BUNDLE = 200
"""Length in pixels of the bundles that streaks of one gust form."""
LEAST_DEFOCUS = 0.4
"""Gaussian sigma in pixels below which a blur hardly changes a drop and is left out."""


@dataclass(frozen=True)
class StreakStyle:
    """Look of the streaks at one depth. Lengths are in pixels, angles in degrees."""

    length: float
    """Length of the smear."""
    defocus: float
    """Gaussian sigma of a drop before it is smeared. It is half the streak's width."""
    angle: float
    """Angle from the vertical, −60 to 60. Positive falls to the left. Angles beyond are cut to 60."""
    convergence: float
    """How much the streaks fan out over the picture, as in a view up or down. 0 is parallel."""
    coverage: float
    """Share of the pixels that streaks cover, 0–1."""
    peak: float
    """99th percentile of the layer, 0–1 of full scale."""
    clustering: float
    """Variation of the drops' sizes, 0–1. At 0 all sizes are equal, at 1 few streaks dominate."""
    gusts: float = 0.0
    """Standard deviation of the natural logarithm of the drops' density. 0 is even.

    The density varies in bundles along the fall, so streaks overlap in places and leave others free.
    """


class _Ranges(NamedTuple):
    """Ranges of the fields of `StreakStyle` for light rain."""

    length: tuple[float, float]
    defocus: tuple[float, float]
    coverage: tuple[float, float]
    clustering: tuple[float, float]
    gusts: tuple[float, float]


_LIKE_THE_SETS = _Ranges((14, 80), (0.35, 0.7), (0.1, 0.42), (0, 0.7), (0.2, 0.8))
_VARIED = _Ranges((10, 70), (0.35, 1.6), (0.06, 0.42), (0, 1), (0, 1.2))


def light_style(rng: np.random.Generator) -> StreakStyle:
    """Draws a style of light rain.

    Half of the styles resemble Rain100L and Rain12, whose rain is fine and dense. The others vary more.

    Args:
        rng: Source of randomness.

    Returns:
        The style.
    """
    ranges = _LIKE_THE_SETS if rng.random() < 0.5 else _VARIED
    return StreakStyle(
        length=float(rng.uniform(*ranges.length)),
        defocus=log_uniform(rng, *ranges.defocus),
        angle=float(rng.normal(0, 14)),
        convergence=float(rng.normal(0, 0.25)) if rng.random() < 0.5 else 0.0,
        coverage=float(rng.uniform(*ranges.coverage)),
        peak=log_uniform(rng, 0.07, 0.6),
        clustering=float(rng.uniform(*ranges.clustering)),
        gusts=float(rng.uniform(*ranges.gusts)),
    )


def heavy_style(rng: np.random.Generator) -> StreakStyle:
    """Draws a style similar to one depth of Rain100H and Rain200H, which combine several depths.

    Args:
        rng: Source of randomness.

    Returns:
        The style.
    """
    return StreakStyle(
        length=float(rng.uniform(15, 80)),
        defocus=log_uniform(rng, 0.35, 1.8),
        angle=float(rng.normal(0, 16)),
        convergence=0.0,
        coverage=float(rng.uniform(0.3, 0.9)),
        peak=float(rng.uniform(0.15, 0.65)),
        clustering=float(rng.uniform(0, 1)),
    )


def streak_layer(height: int, width: int, style: StreakStyle, rng: np.random.Generator) -> Layer:
    """Draws one depth of rain.

    Args:
        height: Height of the layer in pixels.
        width: Width of the layer in pixels.
        style: Look of the streaks.
        rng: Source of randomness.

    Returns:
        The layer, height×width, float32, 0–1 of full scale.
    """
    margin = int(style.length) + 4
    size = (height + 2 * margin, width + 2 * margin)
    noise = _drops(size, style, rng)
    if style.defocus > LEAST_DEFOCUS:
        noise = cv2.GaussianBlur(noise, (0, 0), style.defocus)
    smeared = cv2.filter2D(noise, -1, _smear_kernel(style.length, style.angle))
    if style.convergence:
        smeared = _fan_out(smeared, style.convergence)
    layer = np.ascontiguousarray(smeared[margin : margin + height, margin : margin + width])
    # Statistics come from the padded canvas, so that a crop may hold more or less rain than its style.
    threshold, top = np.quantile(smeared[::2, ::2], [1 - style.coverage, 0.99])
    if top <= threshold:  # sparser than the 99th percentile, so the brightest streak is the peak
        top = max(float(smeared.max()), threshold + 1e-6)
    layer -= threshold
    layer *= style.peak / (top - threshold)
    return np.clip(layer, 0, 1, out=layer)


def light_rain(height: int, width: int, rng: np.random.Generator) -> Layer:
    """Draws one to three depths of light rain with similar angles and different lengths and widths.

    Args:
        height: Height of the layer in pixels.
        width: Width of the layer in pixels.
        rng: Source of randomness.

    Returns:
        The layer, height×width, float32, 0–1 of full scale.
    """
    style = light_style(rng)
    depths = int(rng.integers(1, 4))
    layer = np.zeros((height, width), np.float32)
    for depth in range(depths):
        other = light_style(rng)
        layer += streak_layer(
            height,
            width,
            replace(
                other,
                angle=style.angle + float(rng.normal(0, 2)),
                convergence=style.convergence,
                coverage=other.coverage / depths**0.4,
                peak=style.peak * (float(rng.uniform(0.3, 1.2)) if depth else 1.0),
            ),
            rng,
        )
    return np.minimum(layer, 1)


def heavy_rain(height: int, width: int, rng: np.random.Generator) -> Layer:
    """Draws two to four depths of heavy rain.

    Args:
        height: Height of the layer in pixels.
        width: Width of the layer in pixels.
        rng: Source of randomness.

    Returns:
        The layer, height×width, float32, 0–1 of full scale.
    """
    depths = [streak_layer(height, width, heavy_style(rng), rng) for _ in range(int(rng.integers(2, 5)))]
    return np.minimum(np.sum(depths, 0, dtype=np.float32), 1)


def add_rain(clean: NDArray[np.uint8], rain: Layer, blend: Blend = "add") -> NDArray[np.uint8]:
    """Adds a streak layer to a picture.

    Args:
        clean: The picture B, H×W×3.
        rain: The layer R, H×W in 0–1.
        blend: `add` is clip(B + R), as in Rain100L, Rain12, Rain200L and Rain200H. `screen` is
            1 − (1 − B)(1 − R), where streaks of opacity R hide the background. It never saturates.

    Returns:
        The rainy picture, H×W×3.
    """
    layer = np.rint(rain * 255).astype(np.uint8)
    grey = cv2.merge([layer, layer, layer])
    if blend == "add":
        return cv2.add(clean, grey)
    return 255 - cv2.multiply(255 - clean, 255 - grey, scale=1 / 255)


def _drops(size: tuple[int, int], style: StreakStyle, rng: np.random.Generator) -> Layer:
    """Draws points of light for drops. Their number grows with the style's coverage."""
    area = size[0] * size[1]
    spread = style.length * max(2 * style.defocus, 1)
    count = max(4, int(area * min(0.25, 2.5 * style.coverage / spread)))
    drops = np.zeros(area, np.float32)
    strengths = rng.gamma(0.4 + 4 * (1 - style.clustering), size=count).astype(np.float32)
    drops[rng.integers(0, area, count)] = strengths
    drops = drops.reshape(size)
    return drops * _gusts(size, style, rng) if style.gusts else drops


def _gusts(size: tuple[int, int], style: StreakStyle, rng: np.random.Generator) -> Layer:
    """Draws a smooth positive field that is higher where more rain falls.

    Its structures are a few pixels wide across the fall and BUNDLE pixels long along it.
    """
    noise = rng.standard_normal((size[0] // 2, size[1] // 2), np.float32)  # half size is enough
    across = log_uniform(rng, 0.8, 4)
    field = cv2.GaussianBlur(noise, (0, 0), across)
    field = cv2.filter2D(field, -1, _smear_kernel(BUNDLE / 2, style.angle), borderType=cv2.BORDER_REFLECT)
    field *= style.gusts / field.std()
    return np.exp(cv2.resize(field, size[::-1], interpolation=cv2.INTER_LINEAR))


def _smear_kernel(length: float, angle: float) -> Layer:
    """Draws a tapered line of sum 1 through the centre, `length` pixels long, at `angle` degrees."""
    half = int(np.ceil(length / 2)) + 1
    side = 2 * half + 1
    lean = np.deg2rad(np.clip(angle, -60, 60))
    dx, dy = np.sin(lean) * length / 2, np.cos(lean) * length / 2
    unit = 2**8  # cv2.line takes fixed-point coordinates
    start = (round((half + dx) * unit), round((half - dy) * unit))
    end = (round((half - dx) * unit), round((half + dy) * unit))
    canvas = np.zeros((side, side), np.uint8)
    cv2.line(canvas, start, end, 255, 1, cv2.LINE_AA, 8)
    rows = np.linspace(-1, 1, side, dtype=np.float32)[:, None]
    kernel = canvas * (1 - 0.6 * rows**2)
    return kernel / kernel.sum()


def _fan_out(layer: Layer, convergence: float) -> Layer:
    """Shears each column in proportion to its distance from the middle, as perspective does."""
    height, width = layer.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    centred = x - width / 2
    depth = 1 + convergence * (y / height - 0.5)
    return cv2.remap(layer, centred * depth + width / 2, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
