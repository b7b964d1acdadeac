"""Procedural raindrops on the glass in front of the lens.

The camera is focused on the scene, so a drop on the glass is far out of focus. By the thin-lens model of a
close occluder, a pixel gathers light through a circle of the glass (the blur circle). The clear part of the
circle transmits the sharp scene. The wet part shows what the drops refract.

    rainy = (1 − D∗wet) · clean + D∗(wet · refracted),    D the blur circle, in linear light.

D has the shape of the lens's aperture, which is a disc or a polygon.

Drops are metaballs, so neighbours merge. Each drop is a fish-eye lens that shows the scene upside down, with
the sky at its lower edge and the ground at its upper edge. D removes all detail, so the drop layer is drawn
at a resolution that suits D and then enlarged.

A drop that has run down leaves a trail of beads. A film of water blurs the scene in places, evenly or in the
strokes in which it was wiped. `deraincli.rain.drop_styles` draws the looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from deraincli.pixels import Floats, Picture
from deraincli.rain.drop_styles import DropStyle, drop_style
from deraincli.rain.linear_light import displayed, linear
from deraincli.rain.random_numbers import log_uniform

DISC = 7
"""Largest radius of the blur circle in pixels of the drop layer."""
ENVIRONMENT = 72
"""Side of the panorama that drops refract, in pixels."""


class _Drop(NamedTuple):
    """One drop on the canvas, an ellipse that refracts the panorama."""

    y: float
    """Row of the centre in canvas pixels."""
    x: float
    """Column of the centre in canvas pixels."""
    tall: float
    """Vertical radius in canvas pixels."""
    wide: float
    """Horizontal radius in canvas pixels."""
    power: float
    """Part of the panorama that the drop shows between its centre and its rim, 1 for half of its side."""
    tilt_x: float
    """Column of the panorama that the centre shows, from the middle, in the unit of `power`."""
    tilt_y: float
    """Row of the panorama that the centre shows, from the middle, in the unit of `power`."""


def add_drops(
    clean: Picture,
    rng: np.random.Generator,
    style: DropStyle | None = None,
    surroundings: Picture | None = None,
) -> tuple[Picture, Floats]:
    """Adds drops on the lens to a picture.

    Args:
        clean: The picture, H×W×3 RGB.
        rng: Draws the drops, and the style if none is given.
        style: Look of the drops.
        surroundings: What the drops refract besides sky and ground, any h×w×3. For a crop, pass the photo it
            was cut from. The default is the picture itself.

    Returns:
        The rainy picture H×W×3, and the share of each pixel's light, H×W in 0–1, that does not come
        straight from the scene, or that a change of exposure adds or takes. Where the share is 0, the
        picture is unchanged.
    """
    style = style or drop_style(rng)
    scene = linear(clean)
    around = scene if surroundings is None else linear(surroundings)
    style = replace(style, sky=_seen_sky(around, style), scene_sky=0.0)
    panorama = _environment(around, style, rng)
    light, wet = _drop_layer(clean.shape[0], clean.shape[1], panorama, style, rng)
    behind, hazy = _wet_film(scene, style, rng)
    light += (1 - wet)[..., None] * behind
    kept = min(style.exposure, 1 / style.exposure)
    return displayed(light * np.float32(style.exposure)), 1 - np.float32(kept) * (1 - wet) * (1 - hazy)


def _drop_layer(
    height: int, width: int, panorama: Floats, style: DropStyle, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draws the blurred light of the drops, H×W×3, and the blurred share of wet glass, H×W."""
    pitch = max(style.defocus / DISC, 1.0)
    margin = DISC + 1
    rows, columns = (int(np.ceil(extent / pitch)) + 2 * margin for extent in (height, width))
    bumps, sparkles = _bumps(rows, columns, pitch, style, rng)
    wet = _smoothstep(bumps[..., 0], 0.15, 0.3)
    lens = np.divide(bumps[..., 1:], np.maximum(bumps[..., :1], 1e-3), dtype=np.float32)
    light = _refract(panorama, lens, style) * wet[..., None]
    light += sparkles[..., None] * _rgb(style.sky)
    aperture = _aperture(style.defocus / pitch, style.blades, turn=float(rng.uniform(0, 1)))
    layer = cv2.filter2D(np.dstack([light, wet]), -1, aperture)
    corner = margin + 0.5 / pitch - 0.5
    enlarge = np.array([[1 / pitch, 0, corner], [0, 1 / pitch, corner]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    layer = cv2.warpAffine(layer, enlarge, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    np.maximum(layer, 0, out=layer)  # cubic interpolation overshoots
    layer[layer[..., 3] == 0] = 0
    return layer[..., :3].copy(), np.minimum(layer[..., 3], 1)


def _bumps(
    rows: int, columns: int, pitch: float, style: DropStyle, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draws the drops and the lights that they reflect.

    Returns:
        The summed heights of the drops times 1, x and y within the drop, R×C×3, and the lights, R×C.
    """
    canvas = np.zeros((rows, columns, 3), np.float32)
    sparkles = np.zeros((rows, columns), np.float32)
    typical = style.radius / pitch
    area = np.pi * typical**2 * np.exp(2 * style.spread**2)
    crowd = cv2.resize(rng.uniform(-0.2, 1.2, (4, 4)), (columns, rows), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.poisson(style.density * rows * columns / area))):
        y, x = float(rng.uniform(0, rows)), float(rng.uniform(0, columns))
        if rng.random() > crowd[int(y), int(x)]:
            continue
        wide = typical * float(np.exp(rng.normal(0, style.spread)))
        tall = wide * (1 + style.elongation * float(rng.uniform(0, 2)))
        power, *tilt = rng.uniform((0.6, -0.2, -0.3), (1.2, 0.2, 0.3)).tolist()
        drop = _Drop(y, x, tall, wide, power, tilt[0], tilt[1])
        _add_bump(canvas, drop)
        if rng.random() < style.runs:
            for bead in _trail(drop, rng):
                _add_bump(canvas, bead)
        if rng.random() < style.highlights:
            row = min(int(y + 0.4 * tall), rows - 1)
            sparkles[row, int(x)] += min(0.05 * wide**2, 1) * float(rng.exponential(style.glare))
    roughness = cv2.resize(rng.normal(1, 0.2, (rows // 3 + 2, columns // 3 + 2)), (columns, rows))
    canvas *= roughness.astype(np.float32)[..., None]
    return canvas, sparkles


def _trail(drop: _Drop, rng: np.random.Generator) -> Iterator[_Drop]:
    """Draws the beads that a drop left above it when it ran down, along a slightly crooked path."""
    y, x = drop.y - drop.tall, drop.x
    top = y - drop.wide * float(rng.uniform(3, 12))
    while y > top:
        wide = drop.wide * float(rng.uniform(0.2, 0.5))
        tall = wide * float(rng.uniform(1, 3))
        yield drop._replace(y=y - tall, x=x, tall=tall, wide=wide)
        y -= 2 * tall * float(rng.uniform(0.7, 1.3))
        x += drop.wide * float(rng.normal(0, 0.1))


def _add_bump(canvas: Floats, drop: _Drop) -> None:
    """Adds one drop to the canvas, an elliptic bump that is 0 beyond 1.15 radii."""
    reach_y, reach_x = 1.15 * drop.tall, 1.15 * drop.wide
    top, left = max(int(drop.y - reach_y), 0), max(int(drop.x - reach_x), 0)
    patch = canvas[top : max(int(drop.y + reach_y) + 2, 0), left : max(int(drop.x + reach_x) + 2, 0)]
    v = (np.arange(top, top + patch.shape[0], dtype=np.float32)[:, None] - drop.y) / drop.tall
    u = (np.arange(left, left + patch.shape[1], dtype=np.float32)[None] - drop.x) / drop.wide
    height = np.maximum(1 - (u * u + v * v) / 1.15**2, 0) ** 2
    patch[..., 0] += height
    patch[..., 1] += height * (drop.power * u + drop.tilt_x)
    patch[..., 2] += height * (drop.power * v + drop.tilt_y)


def _seen_sky(surroundings: Floats, style: DropStyle) -> tuple[float, float, float]:
    """Mixes the style's sky with the brightest twentieth of the scene."""
    small = cv2.resize(surroundings, (20, 20), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    brightest = small[np.argsort(small.sum(1))[-20:]].mean(0)
    red, green, blue = (1 - style.scene_sky) * _rgb(style.sky) + style.scene_sky * brightest
    return float(red), float(green), float(blue)


def _environment(surroundings: Floats, style: DropStyle, rng: np.random.Generator) -> Floats:
    """Builds the small panorama that drops refract. The scene lies between the sky and the ground."""
    side = ENVIRONMENT
    scene = cv2.resize(surroundings, (side, side // 3), interpolation=cv2.INTER_AREA)
    sky = np.broadcast_to(_rgb(style.sky), (side - 2 * (side // 3), side, 3))
    lower = scene[-2:].mean((0, 1)) * style.ground
    ground = np.broadcast_to(lower.astype(np.float32), (side // 3, side, 3))
    panorama = np.concatenate([sky, scene, ground])
    patches = rng.uniform(0.5, 1.4, (6, 6, 1)).astype(np.float32)  # trees and clouds outside the picture
    panorama = panorama * cv2.resize(patches, (side, side), interpolation=cv2.INTER_CUBIC)[..., None]
    return cv2.GaussianBlur(panorama, (0, 0), 1.0)


def _refract(panorama: Floats, lens: Floats, style: DropStyle) -> Floats:
    """Renders the panorama through the drops, upside down and darker towards the rim."""
    middle = (ENVIRONMENT - 1) / 2
    places = np.clip(middle * (1 - lens), 0, ENVIRONMENT - 1)
    light = cv2.remap(panorama, places[..., 0], places[..., 1], cv2.INTER_LINEAR)
    distance = np.minimum(np.square(lens).sum(2), 1)
    return light * (1 - style.rim * np.square(distance))[..., None]


def _wet_film(scene: Floats, style: DropStyle, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Blurs and veils the scene where thin water covers the glass.

    Returns:
        The scene H×W×3 behind the film, and the film's effect on each pixel, H×W in 0–1.
    """
    height, width = scene.shape[:2]
    places = np.clip(
        cv2.resize(rng.uniform(-0.6, 1, (3, 3)), (width, height), interpolation=cv2.INTER_CUBIC), 0, 1
    )
    if style.wiped:
        places *= _strokes(height, width, style.wiped, rng)
    film, veil = (np.float32(share) * places.astype(np.float32) for share in (style.film, style.veil))
    if not (style.film or style.veil):
        return scene, veil
    blurred = cv2.GaussianBlur(scene, (0, 0), style.film_defocus)
    seen = scene + film[..., None] * (blurred - scene)
    seen += veil[..., None] * (_rgb(style.sky) - seen)
    return seen, 1 - (1 - film) * (1 - veil)


def _strokes(height: int, width: int, pitch: float, rng: np.random.Generator) -> Floats:
    """Draws the strokes of a wiped film, H×W in 0–1: arcs of water and of clear glass about a far point."""
    turn = float(rng.uniform(0, 2 * np.pi))
    away = max(height, width) * log_uniform(rng, 0.8, 6)
    y, x = np.ogrid[:height, :width]
    distance = np.hypot(y - away * np.sin(turn), x - away * np.cos(turn)) / pitch
    water = rng.uniform(-0.3, 1, int(distance.max()) + 2).clip(0, 1)
    return np.interp(distance, np.arange(len(water)), water)


def _aperture(radius: float, blades: int, *, turn: float) -> Floats:
    """Draws a soft-edged disc or polygon of sum 1.

    Args:
        radius: Radius in pixels.
        blades: Number of sides of the polygon. 0 draws a disc.
        turn: Rotation as a share of one side.

    Returns:
        A square kernel.
    """
    reach = np.arange(-DISC, DISC + 1, dtype=np.float32)
    distance = np.hypot(reach[:, None], reach[None])
    if blades:
        side = 2 * np.pi / blades
        off_middle = (np.arctan2(reach[:, None], reach[None]) + turn * side) % side - side / 2
        distance *= np.cos(off_middle) / np.sqrt(np.cos(side / 2))  # about as large as the disc
    aperture = np.clip((radius + 0.75 - distance) / 1.5, 0, 1)
    return (aperture / aperture.sum()).astype(np.float32)


def _smoothstep(values: Floats, low: float, high: float) -> Floats:
    share = np.clip((values - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _rgb(colour: tuple[float, float, float]) -> Floats:
    return np.array(colour, np.float32)
