"""Draws rain-free objects that look like rain, such as gratings, fences, blinds, bricks and lettering.

Photos contain few such objects, so a network mistakes their bars for rain. A pattern is drawn over a photo
in perspective and counts as part of the scene. The network learns to keep it.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.pixels import Picture
from deraincli.rain.random_numbers import log_uniform

Mask = NDArray[np.float32]
"""Opacity of a pattern: H×W, 0–1."""

FINER = 3
"""Patterns are drawn larger by this factor and reduced, which smooths their edges."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/|-!"


def add_pattern(photo: Picture, rng: np.random.Generator) -> Picture:
    """Draws a random pattern over a photo.

    The pattern has one colour, which varies smoothly over the picture. It is sometimes partly transparent.

    Args:
        photo: The photo, H×W×3 RGB.
        rng: Source of randomness.

    Returns:
        The photo with the pattern, H×W×3 RGB.
    """
    height, width = photo.shape[:2]
    size = (height * FINER, width * FINER)
    mask = _DRAWERS[int(rng.integers(len(_DRAWERS)))](size, rng)
    mask = cv2.resize(_in_perspective(mask, rng), (width, height), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.3:
        mask = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.4, 2)))
    if rng.random() < 0.3:
        mask = 1 - mask
    opacity = float(rng.uniform(0.5, 1)) if rng.random() < 0.5 else 1.0
    light = (
        rng.uniform(0, 255) * np.exp(rng.normal(0, 0.12, 3)) if rng.random() < 0.6 else rng.uniform(0, 255, 3)
    )
    shade = cv2.resize(rng.uniform(0.75, 1.15, (3, 3)).astype(np.float32), (width, height))
    colour = np.clip(shade[..., None] * light.astype(np.float32), 0, 255)
    behind = photo.astype(np.float32)
    return np.rint(behind + (mask * np.float32(opacity))[..., None] * (colour - behind)).astype(np.uint8)


def _bars(size: tuple[int, int], angle: float, pitch: float, thickness: float, offset: float) -> Mask:
    """Draws parallel bars. The angle is in radians from the vertical, lengths are in pixels."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    across = np.cos(angle) * x + np.sin(angle) * y + offset
    return (np.mod(across, pitch) < thickness).astype(np.float32)


def _draw_family(rng: np.random.Generator) -> tuple[float, float, float]:
    """Draws the pitch, thickness and offset of bars, in pixels."""
    pitch = log_uniform(rng, 5, 60) * FINER
    thickness = max(pitch * float(rng.uniform(0.08, 0.5)), 1.0)
    return pitch, thickness, float(rng.uniform(0, pitch))


def _angle(rng: np.random.Generator) -> float:
    """Draws an angle in radians, most often near the vertical, as rain is."""
    return float(rng.normal(0, 0.25) if rng.random() < 0.7 else rng.uniform(-np.pi / 2, np.pi / 2))


def _grating(size: tuple[int, int], rng: np.random.Generator) -> Mask:
    return _bars(size, _angle(rng), *_draw_family(rng))


def _grid(size: tuple[int, int], rng: np.random.Generator) -> Mask:
    angle = _angle(rng)
    other = angle + np.pi / 2 + float(rng.normal(0, 0.1))
    pitch, thickness, offset = _draw_family(rng)
    stretch = float(np.exp(rng.normal(0, 0.4)))
    return np.maximum(
        _bars(size, angle, pitch, thickness, offset), _bars(size, other, pitch * stretch, thickness, offset)
    )


def _lattice(size: tuple[int, int], rng: np.random.Generator) -> Mask:
    """Draws crossing diagonal bars, as in a wire-mesh fence."""
    pitch, thickness, offset = _draw_family(rng)
    half = float(rng.uniform(0.4, 1.1))
    tilt = float(rng.normal(0, 0.1))
    return np.maximum(
        _bars(size, tilt + half, pitch, thickness / 2, offset),
        _bars(size, tilt - half, pitch, thickness / 2, offset),
    )


def _blinds(size: tuple[int, int], rng: np.random.Generator) -> Mask:
    """Draws vertical or horizontal slats that are shaded from edge to edge."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    angle = float(rng.normal(0, 0.1)) + (np.pi / 2 if rng.random() < 0.5 else 0)
    pitch, _, offset = _draw_family(rng)
    phase = np.mod(np.cos(angle) * x + np.sin(angle) * y + offset, pitch) / np.float32(pitch)
    return (phase ** np.float32(rng.uniform(0.5, 3))).astype(np.float32)


def _railing(size: tuple[int, int], rng: np.random.Generator) -> Mask:
    """Draws upright round bars that are lit along their middle. Their width varies, as in turned steel."""
    pitch, _, offset = _draw_family(rng)
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    angle = float(rng.normal(0, 0.08))
    along = np.cos(angle) * y - np.sin(angle) * x
    distance = np.mod(np.cos(angle) * x + np.sin(angle) * y + offset, pitch) - np.float32(pitch / 2)
    twist = np.sin(along * np.float32(2 * np.pi / (pitch * rng.uniform(0.3, 3))))
    radius = np.float32(pitch * rng.uniform(0.05, 0.25)) * (1 + np.float32(rng.uniform(0, 0.5)) * twist)
    return np.sqrt(np.clip(1 - np.square(distance / np.maximum(radius, 1)), 0, 1)).astype(np.float32)


def _bricks(size: tuple[int, int], rng: np.random.Generator) -> Mask:
    """Draws the joints of a brick wall whose courses are shifted by half a brick."""
    tall = float(rng.uniform(6, 24)) * FINER
    joint = max(float(rng.uniform(0.8, 2.5)) * FINER, 1.0)
    long = tall * float(rng.uniform(1.5, 3.5))
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    course = np.floor(y / tall)
    upright = np.mod(x + course * (long / 2), long) < joint
    return np.maximum(upright, np.mod(y, tall) < joint).astype(np.float32)


def _lettering(size: tuple[int, int], rng: np.random.Generator) -> Mask:
    """Draws lines of random letters."""
    canvas = np.zeros(size, np.uint8)
    scale = float(rng.uniform(0.3, 1.6)) * FINER
    row = scale * float(rng.uniform(24, 36))
    thickness = max(round(scale * float(rng.uniform(1, 3))), 1)
    font = int(rng.integers(0, 8))
    for line in range(int(size[0] / row) + 2):
        text = "".join(LETTERS[int(i)] for i in rng.integers(0, len(LETTERS), 60))
        origin = (int(rng.uniform(-40, 0)), int(row * (line + 0.5)))
        cv2.putText(canvas, text, origin, font, scale, 255, thickness, cv2.LINE_AA)
    return canvas.astype(np.float32) / np.float32(255)


_DRAWERS: tuple[Callable[[tuple[int, int], np.random.Generator], Mask], ...] = (
    _grating,
    _grating,
    _grid,
    _grid,
    _lattice,
    _blinds,
    _railing,
    _bricks,
    _lettering,
)


def _in_perspective(mask: Mask, rng: np.random.Generator) -> Mask:
    """Views a flat pattern from the side. Its corners move by up to a fifth of the picture."""
    height, width = mask.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + (rng.uniform(-0.2, 0.2, (4, 2)) * (width, height)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(moved, corners)
    return cv2.warpPerspective(mask, matrix, (width, height), borderMode=cv2.BORDER_WRAP)
