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
likewise. `random_style` is fitted to 92 frames of the clip, not to the project's older table of them. How
that table was measured is not known. The measure of the fit takes the sets of pixels above 0 that touch along
sides, and their bounding boxes. On the frames it gives the older table's count (median 516), nearly its
lengths and peaks, and shares of widths that differ by 3 points at most. `examples/rain/compare_streaks.py`
shows layers beside frames.
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
"""Drops, 6×N: column and row of the middle in pixels, width and length in native pixels, slant, height."""

CLIP = (320, 600)
"""Height and width of the clip's frames, pixels."""
RESIZED = 0.75
"""Softness of rain that was interpolated twice, by the shear and by the resize of the benchmark's frames."""
FAINTEST = 0.5 / 255
"""Strands that stay below half a grey level are not drawn."""
STEADY = 4096
"""Samples of the noise along streaks; a power of two."""
KNOT = 8
"""Samples of the noise per length over which it forgets itself."""
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
    """Drops per native megapixel."""
    narrowest: float
    """Width of the farthest streaks."""
    widest: float
    """Width of the nearest streaks."""
    recession: float
    """k, where z^k dz drops lie at depth z: 2 in a view full of rain, less where far drops are not seen."""
    elongation: float
    """Length of a streak relative to its width: fall speed times exposure, per drop diameter."""
    stretch: float
    """Standard deviation of the logarithm of that ratio: drops of different size fall at different speeds."""
    light: float
    """Median height of a streak of width 1, 0–1."""
    growth: float
    """Power of the width by which wider streaks are brighter."""
    glitter: float
    """Standard deviation of the logarithm of a strand's height."""
    waver: float
    """Depth of the variation of brightness along a strand; 0 is even, from 1 on strands break."""
    company: float
    """Mean number of finer streaks beside a streak."""
    fade: float
    """Power of their relative width by which they are fainter."""
    strands: float
    """Mean number of bright strands in a broad streak."""
    fineness: float
    """Half the width of the body and, in a streak of width 1, of a strand, relative to the streak's."""
    coarsening: float
    """Power of the width with which strands become thicker."""
    body: float
    """Height of the body between the strands relative to theirs."""
    frayed: float
    """How much strands differ in length: 0 all run along the whole streak, 1 some are very short."""
    beads: float
    """Mean number of beads per streak."""
    gleam: float
    """Height of a bead relative to its streak."""
    sparkle: float
    """Standard deviation of the logarithm of that height: some beads shine, many are hardly seen."""
    wobble: float
    """How far strands stray from their line, relative to the width of the streak."""
    defocus: float
    """Growth of the blur circle per width beyond the width in focus."""
    slant: float = 0.0
    """Pixels across per pixel down; positive falls to the right."""
    slant_spread: float = 0.0
    """Standard deviation of the slant among streaks."""
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
    height: Numbers
    """Brightness, 0–1."""
    offset: Numbers
    """Mean distance from the middle of the streak."""
    wobble: Numbers
    """Standard deviation of that distance."""
    pitch: Numbers
    """Length over which strands waver and wobble."""
    slant: Numbers
    waver: Numbers
    steep: Numbers
    """Share of the length that the soft ends take."""
    aligned: Numbers
    """1 for strands that lie on one whole column of the clip, else 0."""


def random_style(rng: np.random.Generator) -> RainVolume:
    """Draws a style such that many layers together measure as the frames of the clip do.

    Near rain has fewer, wider and brighter streaks. One picture in five is dim, as are as many frames. The
    numbers come of an evolution strategy on shares of widths, lengths, peaks, counts, means, coverages, the
    distribution of values and the correlation of neighbours. Slants are the benchmark's, −0.5 to 0.5.
    """
    near = float(rng.random())
    dim = float(rng.random() < 0.2)
    density, light = rng.uniform(-1, 1, 2).tolist()
    return RainVolume(
        density=float(np.exp(8.46 - 0.9 * near + 0.3 * density)),
        narrowest=0.57,
        widest=float(np.exp(1.76 + 0.57 * near - 0.79 * dim)),
        recession=0.29 - 0.4 * near,
        elongation=float(np.exp(3.0 + 0.04 * near)),
        stretch=0.13,
        light=float(np.exp(-1.8 + 0.59 * near - 0.59 * dim + 0.55 * light)),
        growth=0.64,
        glitter=0.06,
        waver=0.53,
        company=1.23,
        fade=1.38,
        strands=1.49,
        fineness=0.0425,
        coarsening=1.0,
        body=0.61,
        frayed=0.94,
        beads=0.6,
        gleam=1.4,
        sparkle=0.9,
        wobble=0.1,
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
    """Drops of the volume that reach the layer, each as its body, its bright strands and its beads."""
    down, across = scale, scale * style.across
    tall = height + 2 * REACH * LONGEST * down
    wide = width + 2 * (1 + 1.2 * style.widest) * across + 2 * abs(style.slant) * REACH * LONGEST * down
    count = int(rng.poisson(style.density * 1e-6 * tall * wide / (down * across)))
    y = rng.uniform((height - tall) / 2, (height + tall) / 2, count)
    x = rng.uniform((width - wide) / 2, (width + wide) / 2, count)
    thickness = 1 / _depths(count, style, rng)
    ratio = style.elongation * np.exp(style.stretch * rng.standard_normal(count))
    length = np.minimum(ratio * thickness, LONGEST)
    slant = style.slant + style.slant_spread * rng.standard_normal(count)
    strength = style.light * thickness**style.growth * np.exp(style.glitter / 2 * rng.standard_normal(count))
    reaches = np.abs(y - (height - 1) / 2) < height / 2 + REACH * length * down
    drops = np.stack([x, y, thickness, length, slant, strength])[:, reaches]
    drops = np.concatenate([drops, _companions(drops, down, style, rng)], axis=1)
    broad = drops[:, drops[2] >= FINE]
    parts = [_bodies(drops, style, rng), _edges(broad, down, style, rng)]
    parts.append(_beads(drops, down, style, rng))
    strands = _Strands(*(np.concatenate(values).astype(np.float32) for values in zip(*parts, strict=True)))
    seen = strands.height > FAINTEST
    return _on_columns(_Strands(*(values[seen] for values in strands)), across, style)


def _depths(count: int, style: RainVolume, rng: np.random.Generator) -> NDArray[np.float64]:
    """Depths from the nearest to the farthest drop, spread as z^k dz. At depth 1 streaks have width 1."""
    power = style.recession + 1
    near, far = 1 / style.widest, 1 / style.narrowest
    share = rng.random(count)
    if abs(power) < 1e-3:
        return near * (far / near) ** share
    return (near**power + share * (far**power - near**power)) ** (1 / power)


def _companions(drops: Table, down: float, style: RainVolume, rng: np.random.Generator) -> Table:
    """Finer streaks beside broad ones: splinters of the same drop, and what it mirrors."""
    drops = np.repeat(drops, rng.poisson(style.company, drops.shape[1]), axis=1)
    x, y, thickness, length, slant, strength = drops
    count = thickness.size
    shift = length * rng.uniform(-0.9, 0.9, count) * down
    aside = (1 + thickness) * rng.uniform(-0.8, 0.8, count) * down * style.across
    share = rng.uniform(0.05, 0.6, count)
    strength = strength * share**style.fade * np.exp(style.glitter / 2 * rng.standard_normal(count))
    return np.stack(
        [x + slant * shift + aside, y + shift, thickness * share, length * share, slant, strength]
    )


def _bodies(drops: Table, style: RainVolume, rng: np.random.Generator) -> _Strands:
    """The middle of every streak; of a fine one, all of it."""
    x, y, thickness, length, slant, strength = drops
    count = thickness.size
    broad = thickness >= FINE
    half = thickness * np.where(broad, style.fineness * rng.uniform(0.6, 1.4, count), 0.5)
    half = np.where(thickness < TWO_COLUMNS, np.minimum(half, 0.5), half)
    blur = style.defocus * np.maximum(thickness - style.focus, 0) / 2
    solid = np.maximum(half, 0.5)
    strength = strength * np.exp(style.glitter * rng.standard_normal(count))
    return _Strands(
        x=x,
        y=y,
        half=solid,
        edge=np.maximum(0.5, 0.6 * half) + blur,
        length=length,
        height=np.minimum(strength * (half / solid) * np.where(broad, style.body, 1), 2),
        offset=np.zeros(count),
        wobble=np.where(broad, style.wobble * thickness / 2, 0),
        pitch=6 + 2 * thickness,
        slant=slant,
        waver=np.full(count, style.waver),
        steep=rng.uniform(0.05, 0.6, count),
        aligned=thickness < 1,
    )


def _edges(drops: Table, down: float, style: RainVolume, rng: np.random.Generator) -> _Strands:
    """Bright strands of broad streaks, mostly near their edges, each over a part of the length."""
    drops = np.repeat(drops, rng.poisson(style.strands, drops.shape[1]), axis=1)
    x, y, thickness, length, slant, strength = drops
    count = thickness.size
    share = 1 - style.frayed * rng.random(count)
    half = style.fineness * thickness**style.coarsening * rng.uniform(0.7, 1.4, count)
    solid = np.maximum(half, 0.5)
    side = np.sin(np.pi / 2 * rng.uniform(-1, 1, count))  # edge on, a cylinder's surface crowds at its sides
    shift = (1 - share) * length * rng.uniform(-0.5, 0.5, count) * down
    strength = strength * np.exp(style.glitter * rng.standard_normal(count))
    return _Strands(
        x=x + slant * shift,
        y=y + shift,
        half=solid,
        edge=np.maximum(0.5, 0.6 * half),
        length=share * length,
        height=np.minimum(strength * (half / solid), 2),
        offset=side * np.maximum(thickness / 2 - half, 0),
        wobble=style.wobble * thickness,
        pitch=6 + 2 * thickness,
        slant=slant,
        waver=np.full(count, style.waver),
        steep=rng.uniform(0.05, 0.6, count),
        aligned=np.zeros(count),
    )


def _beads(drops: Table, down: float, style: RainVolume, rng: np.random.Generator) -> _Strands:
    """Short bright marks, strewn along the streaks and a little beyond their ends."""
    drops = np.repeat(drops, rng.poisson(style.beads, drops.shape[1]), axis=1)
    x, y, thickness, length, slant, strength = drops
    count = thickness.size
    shift = length * rng.uniform(-0.7, 0.7, count)
    half = thickness * rng.uniform(0.06, 0.2, count)
    solid = np.maximum(half, 0.5)
    gleam = style.gleam * np.exp(style.sparkle * rng.standard_normal(count))
    return _Strands(
        x=x + slant * shift * down,
        y=y + shift * down,
        half=solid,
        edge=np.maximum(0.5, 0.7 * half),
        length=1 + 8 * solid * rng.uniform(0.2, 1.5, count),
        height=np.minimum(strength * gleam * (half / solid), 2),
        offset=thickness * rng.uniform(-0.35, 0.35, count),
        wobble=np.zeros(count),
        pitch=np.full(count, 50.0),
        slant=slant,
        waver=np.zeros(count),
        steep=np.ones(count),
        aligned=half <= 0.5,
    )


def _on_columns(strands: _Strands, across: float, style: RainVolume) -> _Strands:
    """Aligned strands moved onto whole columns of the clip, which is upright and not squeezed.

    They keep a twentieth of their distance, so that bright ones just touch the next column, as in the clip.
    """
    upright = strands.x + strands.offset * across - style.slant * strands.y
    column = np.rint((upright + 0.5) / across - 0.5)
    snapped = strands.x + 0.95 * ((column + 0.5) * across - 0.5 - upright)
    return strands._replace(x=np.where(strands.aligned > 0, snapped, strands.x).astype(np.float32))


def _draw(
    height: int, width: int, strands: _Strands, style: RainVolume, rng: np.random.Generator, scale: float
) -> Layer:
    """The strands' light, summed up to white."""
    down, across = scale, scale * style.across
    reach = strands.length * np.float32(down / 2)
    strand, y = _spans(strands.y - reach, strands.y + reach, height)
    fall = y - strands.y[strand]
    along = np.abs(fall) / (reach[strand] + np.float32(down / 2))
    starts = rng.integers(0, STEADY, (2, strands.x.size))
    steps = (np.float32(KNOT / down) / strands.pitch)[strand] * fall
    waver, wobble = (_NOISE[(start[strand] + steps.astype(np.int64)) % STEADY] for start in starts)
    light = strands.height[strand] * np.minimum((1 - along) / strands.steep[strand], 1)
    light *= np.maximum(1 + strands.waver[strand] * waver, 0)
    middle = strands.x[strand] + strands.slant[strand] * fall
    middle += np.float32(across) * (strands.offset[strand] + strands.wobble[strand] * wobble)
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
    """All whole numbers in 0…size − 1 from `first` to `last`, span after span: whose span, and the number."""
    least = np.maximum(np.ceil(first), 0)
    counts = np.maximum(np.minimum(np.floor(last), size - 1) - least + 1, 0).astype(np.int64)
    ends = np.cumsum(counts)
    owner = np.repeat(np.arange(counts.size), counts)
    within = np.arange(owner.size) - (ends - counts)[owner]
    return owner, least[owner] + within.astype(np.float32)


def _steady_noise() -> Numbers:
    """A loop of smooth Gaussian noise of variance 1, the same for every process."""
    white = np.random.default_rng(0).standard_normal(STEADY)
    frequencies = np.fft.rfftfreq(STEADY)
    smooth = np.fft.irfft(np.fft.rfft(white) * np.exp(-((np.pi * KNOT * frequencies) ** 2) / 4), STEADY)
    return (smooth / smooth.std()).astype(np.float32)


_NOISE = _steady_noise()
