"""Rain streaks drawn drop by drop in perspective. The renderer needs no file.

Drops fill a volume before a pinhole camera. The depth of a drop sets the width of its streak. Fall speed and
exposure set the ratio of length to width, which is the same at every depth. So a picture holds hundreds of
hair-thin, faint streaks and a few broad, long, nearly white ones. A falling drop oscillates and bends light.
So its streak is no even stroke. It shows bright strands that part and meet, a fainter body between them, and
bright beads (K. Garg and S. K. Nayar, "Photorealistic rendering of rain streaks", SIGGRAPH 2006). Near drops
are out of focus. By the thin-lens law the blur grows with 1/z − 1/z_focus, which is linear in the
width of the streak. Streaks thinner than a pixel keep their light and lose their height.

One strand is one primitive: a centre line, a half-width, an edge, a height and noise along it. All rows of
all strands lie in flat arrays, and so do all pixels of all rows. So a layer takes some dozens of NumPy calls.

The benchmark Rain100L shows the frames of one rendered clip, 600×320, sheared and resized. The clip has its
finest strokes on whole columns, and a sheared frame interpolates them linearly. The finest strands here do
likewise. `random_style` is fitted to 92 frames of the clip (docs/drawn-rain.md).
`examples/rain/compare_streaks.py` shows layers beside frames.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deraincli.rain.streak_frames import LANDSCAPE, LANDSCAPE_SHARE, PEAK
from deraincli.rain.streaks import Layer

Numbers = NDArray[np.float32]
Indices = NDArray[np.int64]
Table = NDArray[np.float64]
"""Drops, 6×N: column and row of the middle, pixels; width and length, native pixels; slant; brightness."""

CLIP = (320, 600)
"""Height and width of the clip's frames, pixels."""
RESIZED = 0.75
"""Softness of rain that was interpolated twice, by the shear and by the resize of the benchmark's frames."""
FAINTEST = 0.5 / 255
"""Strands that stay below half a grey level are not drawn."""
NOISE_SAMPLES = 4096
"""Number of samples of the noise along streaks, a power of two."""
CORRELATION = 8
"""Correlation length of the noise along streaks, in samples."""
FINE = 2.5
"""Streaks thinner than this, in native pixels, are one strand."""
TWO_COLUMNS = 1.6
"""Streaks thinner than this are drawn no wider than a pixel, so that they touch two columns at most."""
REACH = 1.2
"""How far a streak's companions and beads lie from its middle at most, relative to its length."""
LONGEST = 300.0
"""Length of the longest streak, native pixels."""


@dataclass(frozen=True)
class RainVolume:
    """Rain before one camera. Lengths in native pixels, those of the 600×320 clip; light 0–1."""

    density: float
    """Drops per native megapixel, 1,400 to 6,400 in `random_style`."""
    narrowest: float
    """Width of the farthest streaks, above 0."""
    widest: float
    """Width of the nearest streaks, more than `narrowest`."""
    depth_exponent: float
    """The number of drops grows with the depth z as z^k. This is k.

    If all drops were seen, k would be 2. `random_style` uses −0.11 to 0.29, because most far drops are too
    faint to be seen.
    """
    elongation: float
    """Length of a streak relative to its width: fall speed times exposure, divided by the drop's diameter."""
    elongation_spread: float
    """Standard deviation of the logarithm of that ratio. Drops of different size fall at different speeds."""
    brightness: float
    """Median brightness of a streak of width 1, 0–1."""
    brightness_exponent: float
    """Power of the width by which wider streaks are brighter."""
    brightness_spread: float
    """Standard deviation of the logarithm of a strand's brightness."""
    variation: float
    """Standard deviation of the relative brightness along a strand. 0 is even. From 1 on, strands break."""
    companions: float
    """Mean number of finer streaks beside a streak."""
    companion_exponent: float
    """Power of their relative width by which they are fainter."""
    strands: float
    """Mean number of bright strands in a broad streak."""
    strand_half_width: float
    """Half the width of the body and, in a streak of width 1, of a strand, relative to the streak's."""
    strand_exponent: float
    """Power of the width with which strands become thicker."""
    body: float
    """Brightness of the body between the strands relative to theirs, 0–1."""
    length_variation: float
    """How much strands differ in length, 0–1. At 0 all are as long as the streak, at 1 some are short."""
    beads: float
    """Mean number of beads per streak."""
    bead_brightness: float
    """Median brightness of a bead relative to its streak."""
    bead_brightness_spread: float
    """Standard deviation of the logarithm of that brightness. Some beads shine, and many are hardly seen."""
    deviation: float
    """Standard deviation of the distance of strands from their line, relative to the width of the streak."""
    defocus: float
    """Growth of the blur circle per width beyond the width in focus."""
    slant: float = 0.0
    """Pixels across per pixel down. Positive falls to the right."""
    across: float = 1.0
    """Squeeze across: 1 keeps the shapes of the clip, 0.5 shows it at half the width."""
    focus: float = 4.0
    """Width of the widest streaks in focus."""
    softness: float = 0.5
    """Half the width of the sharpest edge, pixels. 0.5 is a linear interpolation between two columns."""
    white: float = 240 / 255
    """Where brightness saturates, 0–1."""


class _Strands(NamedTuple):
    """Primitives, one entry each. Lengths in native pixels, except for `x` and `y` in pixels."""

    x: Numbers
    """Column of the middle."""
    y: Numbers
    """Row of the middle."""
    half: Numbers
    """Half the width."""
    edge: Numbers
    """Half the width of the soft edge."""
    length: Numbers
    brightness: Numbers
    """0–1."""
    offset: Numbers
    """Mean distance from the middle of the streak."""
    deviation: Numbers
    """Standard deviation of that distance along it."""
    period: Numbers
    """Length over which brightness and distance vary."""
    slant: Numbers
    variation: Numbers
    """Standard deviation of the relative brightness along it."""
    taper: Numbers
    """Share of the length that the soft ends take, 0–1."""
    aligned: Numbers
    """1 for strands that lie on one whole column of the clip, else 0."""


def random_style(rng: np.random.Generator) -> RainVolume:
    """Draws a style of light rain.

    Near rain has fewer, wider and brighter streaks. One style in five is dim, as are a fifth of the frames.
    An evolution strategy chose the numbers. It compared many layers with 92 frames of the clip. Its
    measures were the number, widths, lengths and peaks of the streaks, the mean brightness, the coverage, the
    distribution of values and the correlation of neighbouring pixels. A streak was a set of pixels above 0
    that touch along sides. Slants are the benchmark's, −0.5 to 0.5.

    Args:
        rng: Source of randomness.

    Returns:
        The style.
    """
    near = float(rng.random())
    dim = float(rng.random() < 0.2)
    density, light = rng.uniform(-1, 1, 2).tolist()
    return RainVolume(
        density=float(np.exp(8.46 - 0.9 * near + 0.3 * density)),
        narrowest=0.57,
        widest=float(np.exp(1.76 + 0.57 * near - 0.79 * dim)),
        depth_exponent=0.29 - 0.4 * near,
        elongation=float(np.exp(3.0 + 0.04 * near)),
        elongation_spread=0.13,
        brightness=float(np.exp(-1.8 + 0.59 * near - 0.59 * dim + 0.55 * light)),
        brightness_exponent=0.64,
        brightness_spread=0.06,
        variation=0.53,
        companions=1.23,
        companion_exponent=1.38,
        strands=1.49,
        strand_half_width=0.0425,
        strand_exponent=1.0,
        body=0.61,
        length_variation=0.94,
        beads=0.6,
        bead_brightness=1.4,
        bead_brightness_spread=0.9,
        deviation=0.1,
        defocus=0.03,
        slant=float(rng.uniform(-0.5, 0.5)),
    )


def perspective_rain(height: int, width: int, rng: np.random.Generator, *, scale: float = 1.0) -> Layer:
    """Draws light rain like that of Rain100L, in any style and in both shapes of its photos.

    The benchmark resizes its frames of 600×320 to photos of 481×321 or 321×481, whatever their shape. So rain
    is squeezed across in the former, and squeezed and stretched down in the latter.

    Args:
        height: Height of the layer in pixels.
        width: Width of the layer in pixels.
        rng: Source of randomness.
        scale: Size of the rain relative to the benchmark's, above 0.

    Returns:
        The layer, height×width, float32, 0–1 of full scale.
    """
    style = random_style(rng)
    kept = CLIP[1] - abs(style.slant) * CLIP[0]  # shearing costs the corners
    rows, columns = LANDSCAPE if rng.random() < LANDSCAPE_SHARE else LANDSCAPE[::-1]
    down, across = rows / CLIP[0], columns / kept
    style = replace(style, across=across / down, slant=style.slant * across / down, softness=RESIZED)
    layer = perspective_layer(height, width, style, rng, scale=scale * down)
    return layer * np.float32(PEAK)


def perspective_layer(
    height: int, width: int, style: RainVolume, rng: np.random.Generator, *, scale: float = 1.0
) -> Layer:
    """Draws a rain layer.

    Args:
        height: Height of the layer in pixels.
        width: Width of the layer in pixels.
        style: Look of the rain.
        rng: Source of randomness.
        scale: Size of the rain relative to the native clip, above 0.

    Returns:
        H×W in 0–`style.white`, a crop of a picture without end: streaks that begin outside cross into it.
    """
    strands = _strands(height, width, style, rng, scale)
    return _draw(height, width, strands, style, rng, scale)


def _strands(height: int, width: int, style: RainVolume, rng: np.random.Generator, scale: float) -> _Strands:
    """Draws the drops that reach the layer, each as its body, its bright strands and its beads."""
    down, across = scale, scale * style.across
    tall = height + 2 * REACH * LONGEST * down
    wide = width + 2 * (1 + 1.2 * style.widest) * across + 2 * abs(style.slant) * REACH * LONGEST * down
    count = int(rng.poisson(style.density * 1e-6 * tall * wide / (down * across)))
    y = rng.uniform((height - tall) / 2, (height + tall) / 2, count)
    x = rng.uniform((width - wide) / 2, (width + wide) / 2, count)
    thickness = 1 / _depths(count, style, rng)
    ratio = style.elongation * np.exp(style.elongation_spread * rng.standard_normal(count))
    length = np.minimum(ratio * thickness, LONGEST)
    rng.standard_normal(count)  # unused: it keeps the rain of a seed as the published figures were measured
    slant = np.full(count, style.slant)
    brightness = (
        style.brightness
        * thickness**style.brightness_exponent
        * np.exp(style.brightness_spread / 2 * rng.standard_normal(count))
    )
    reaches = np.abs(y - (height - 1) / 2) < height / 2 + REACH * length * down
    drops = np.stack([x, y, thickness, length, slant, brightness])[:, reaches]
    drops = np.concatenate([drops, _companions(drops, down, style, rng)], axis=1)
    broad = drops[:, drops[2] >= FINE]
    parts = [_bodies(drops, style, rng), _edges(broad, down, style, rng)]
    parts.append(_beads(drops, down, style, rng))
    strands = _Strands(*(np.concatenate(values).astype(np.float32) for values in zip(*parts, strict=True)))
    seen = strands.brightness > FAINTEST
    return _on_columns(_Strands(*(values[seen] for values in strands)), across, style)


def _depths(count: int, style: RainVolume, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draws depths z between the nearest and the farthest drop, with density z^k.

    At depth 1 streaks have width 1.
    """
    power = style.depth_exponent + 1
    near, far = 1 / style.widest, 1 / style.narrowest
    share = rng.random(count)
    if abs(power) < 1e-3:
        return near * (far / near) ** share
    return (near**power + share * (far**power - near**power)) ** (1 / power)


def _companions(drops: Table, down: float, style: RainVolume, rng: np.random.Generator) -> Table:
    """Draws finer streaks beside broad ones: splinters of the same drop, and its reflections."""
    drops = np.repeat(drops, rng.poisson(style.companions, drops.shape[1]), axis=1)
    x, y, thickness, length, slant, brightness = drops
    count = thickness.size
    shift = length * rng.uniform(-0.9, 0.9, count) * down
    aside = (1 + thickness) * rng.uniform(-0.8, 0.8, count) * down * style.across
    share = rng.uniform(0.05, 0.6, count)
    brightness = (
        brightness
        * share**style.companion_exponent
        * np.exp(style.brightness_spread / 2 * rng.standard_normal(count))
    )
    return np.stack(
        [x + slant * shift + aside, y + shift, thickness * share, length * share, slant, brightness]
    )


def _bodies(drops: Table, style: RainVolume, rng: np.random.Generator) -> _Strands:
    """Makes the body of each streak. A fine streak has nothing else."""
    x, y, thickness, length, slant, brightness = drops
    count = thickness.size
    broad = thickness >= FINE
    half = thickness * np.where(broad, style.strand_half_width * rng.uniform(0.6, 1.4, count), 0.5)
    half = np.where(thickness < TWO_COLUMNS, np.minimum(half, 0.5), half)
    blur = style.defocus * np.maximum(thickness - style.focus, 0) / 2
    solid = np.maximum(half, 0.5)
    brightness = brightness * np.exp(style.brightness_spread * rng.standard_normal(count))
    return _Strands(
        x=x,
        y=y,
        half=solid,
        edge=np.maximum(0.5, 0.6 * half) + blur,
        length=length,
        brightness=np.minimum(brightness * (half / solid) * np.where(broad, style.body, 1), 2),
        offset=np.zeros(count),
        deviation=np.where(broad, style.deviation * thickness / 2, 0),
        period=6 + 2 * thickness,
        slant=slant,
        variation=np.full(count, style.variation),
        taper=rng.uniform(0.05, 0.6, count),
        aligned=thickness < 1,
    )


def _edges(drops: Table, down: float, style: RainVolume, rng: np.random.Generator) -> _Strands:
    """Draws bright strands of broad streaks, mostly near their edges, each over a part of the length."""
    drops = np.repeat(drops, rng.poisson(style.strands, drops.shape[1]), axis=1)
    x, y, thickness, length, slant, brightness = drops
    count = thickness.size
    share = 1 - style.length_variation * rng.random(count)
    half = style.strand_half_width * thickness**style.strand_exponent * rng.uniform(0.7, 1.4, count)
    solid = np.maximum(half, 0.5)
    side = np.sin(np.pi / 2 * rng.uniform(-1, 1, count))  # edge on, a cylinder's surface crowds at its sides
    shift = (1 - share) * length * rng.uniform(-0.5, 0.5, count) * down
    brightness = brightness * np.exp(style.brightness_spread * rng.standard_normal(count))
    return _Strands(
        x=x + slant * shift,
        y=y + shift,
        half=solid,
        edge=np.maximum(0.5, 0.6 * half),
        length=share * length,
        brightness=np.minimum(brightness * (half / solid), 2),
        offset=side * np.maximum(thickness / 2 - half, 0),
        deviation=style.deviation * thickness,
        period=6 + 2 * thickness,
        slant=slant,
        variation=np.full(count, style.variation),
        taper=rng.uniform(0.05, 0.6, count),
        aligned=np.zeros(count),
    )


def _beads(drops: Table, down: float, style: RainVolume, rng: np.random.Generator) -> _Strands:
    """Draws short bright marks along the streaks and a little beyond their ends."""
    drops = np.repeat(drops, rng.poisson(style.beads, drops.shape[1]), axis=1)
    x, y, thickness, length, slant, brightness = drops
    count = thickness.size
    shift = length * rng.uniform(-0.7, 0.7, count)
    half = thickness * rng.uniform(0.06, 0.2, count)
    solid = np.maximum(half, 0.5)
    bead_brightness = style.bead_brightness * np.exp(
        style.bead_brightness_spread * rng.standard_normal(count)
    )
    return _Strands(
        x=x + slant * shift * down,
        y=y + shift * down,
        half=solid,
        edge=np.maximum(0.5, 0.7 * half),
        length=1 + 8 * solid * rng.uniform(0.2, 1.5, count),
        brightness=np.minimum(brightness * bead_brightness * (half / solid), 2),
        offset=thickness * rng.uniform(-0.35, 0.35, count),
        deviation=np.zeros(count),
        period=np.full(count, 50.0),
        slant=slant,
        variation=np.zeros(count),
        taper=np.ones(count),
        aligned=half <= 0.5,
    )


def _on_columns(strands: _Strands, across: float, style: RainVolume) -> _Strands:
    """Moves aligned strands onto whole columns of the clip, which is upright and not squeezed.

    They keep a twentieth of their distance, so that bright ones just touch the next column, as in the clip.
    """
    upright = strands.x + strands.offset * across - style.slant * strands.y
    column = np.rint((upright + 0.5) / across - 0.5)
    snapped = strands.x + 0.95 * ((column + 0.5) * across - 0.5 - upright)
    return strands._replace(x=np.where(strands.aligned > 0, snapped, strands.x).astype(np.float32))


def _draw(
    height: int, width: int, strands: _Strands, style: RainVolume, rng: np.random.Generator, scale: float
) -> Layer:
    """Adds the light of all strands up to white."""
    down, across = scale, scale * style.across
    reach = strands.length * np.float32(down / 2)
    strand, y = _spans(strands.y - reach, strands.y + reach, height)
    fall = y - strands.y[strand]
    along = np.abs(fall) / (reach[strand] + np.float32(down / 2))
    starts = rng.integers(0, NOISE_SAMPLES, (2, strands.x.size))
    steps = (np.float32(CORRELATION / down) / strands.period)[strand] * fall
    variation, deviation = (
        _NOISE[(start[strand] + steps.astype(np.int64)) % NOISE_SAMPLES] for start in starts
    )
    light = strands.brightness[strand] * np.minimum((1 - along) / strands.taper[strand], 1)
    light *= np.maximum(1 + strands.variation[strand] * variation, 0)
    middle = strands.x[strand] + strands.slant[strand] * fall
    middle += np.float32(across) * (strands.offset[strand] + strands.deviation[strand] * deviation)
    half = strands.half[strand] * np.float32(across)
    edge = np.maximum(strands.edge[strand] * np.float32(across), np.float32(style.softness))
    row, x = _spans(middle - half - edge, middle + half + edge, width)
    inside = (half + edge)[row] - np.abs(x - middle[row])
    profile = np.minimum(inside * (light / (2 * edge))[row], (light * np.minimum(half / edge, 1))[row])
    pixels = y.astype(np.int64)[row] * width + x.astype(np.int64)
    sums = np.bincount(pixels, weights=profile, minlength=height * width)
    white = np.float32(style.white)
    layer = sums.astype(np.float32).reshape(height, width) / white
    return white * np.tanh(layer)


def _spans(first: Numbers, last: Numbers, size: int) -> tuple[Indices, Numbers]:
    """Lists the whole numbers from `first` to `last` within 0…size − 1, for all spans in turn.

    Returns the index of each number's span, and the number.
    """
    least = np.maximum(np.ceil(first), 0)
    counts = np.maximum(np.minimum(np.floor(last), size - 1) - least + 1, 0).astype(np.int64)
    ends = np.cumsum(counts)
    owner = np.repeat(np.arange(counts.size), counts)
    within = np.arange(owner.size) - (ends - counts)[owner]
    return owner, least[owner] + within.astype(np.float32)


def _looped_noise() -> Numbers:
    """Makes a loop of smooth Gaussian noise of variance 1, the same for every process."""
    white = np.random.default_rng(0).standard_normal(NOISE_SAMPLES)
    frequencies = np.fft.rfftfreq(NOISE_SAMPLES)
    smooth = np.fft.irfft(
        np.fft.rfft(white) * np.exp(-((np.pi * CORRELATION * frequencies) ** 2) / 4), NOISE_SAMPLES
    )
    return (smooth / smooth.std()).astype(np.float32)


_NOISE = _looped_noise()
