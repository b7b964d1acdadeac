"""Synthetic rain that looks as in photos, rather than as in the data sets.

In photos, streaks are veils of grey light that hide the background instead of adding light to it. They fall
at any angle, in front of mist or in the dark. Near streaks are thick and out of focus. Light rain leaves a
few short streaks, and dense rain very many thin ones. The photo is a JPEG, and often sharpened. Ranges were
set by eye, by comparison with real rainy photos.
"""

from __future__ import annotations

import cv2
import numpy as np

from deraincli.pixels import Picture
from deraincli.rain.linear_light import displayed, linear
from deraincli.rain.mist import add_mist
from deraincli.rain.random_numbers import log_uniform
from deraincli.rain.streaks import Layer, StreakStyle, streak_layer

MIST_SHARE = 0.35
"""Share of the scenes with mist, 0–1."""
NIGHT_SHARE = 0.2
"""Share of the other scenes that are dark, 0–1."""
SPARSE_SHARE = 0.3
"""Share of the scenes with few separate streaks instead of a veil, 0–1."""
FINE_SHARE = 0.4
"""Share of the scenes with a veil of short lines, one or two pixels wide, 0–1."""
SHARPENED_SHARE = 0.4
"""Share of the pictures that are sharpened, as after a reduction for the web, 0–1."""


def rainy_scene(photo: Picture, rng: np.random.Generator) -> Picture:
    """Adds mist to a photo, darkens it or leaves it unchanged. It stays rain-free.

    Args:
        photo: The photo, H×W×3 RGB.
        rng: Source of randomness.

    Returns:
        The scene, H×W×3 RGB.
    """
    if rng.random() < MIST_SHARE:
        return add_mist(photo, float(rng.uniform(0.1, 0.6)), rng)[0]
    if rng.random() < NIGHT_SHARE:
        return displayed(linear(photo) * float(rng.uniform(0.05, 0.4)))
    return photo


def rain_before(scene: Picture, rng: np.random.Generator) -> Picture:
    """Adds streaks in front of a scene. Their opacity moves each pixel towards the grey of the sky.

    Streaks never darken. Pixels brighter than the sky are unchanged.

    Args:
        scene: The scene, H×W×3 RGB.
        rng: Source of randomness.

    Returns:
        The rainy scene, H×W×3 RGB.
    """
    opacity = _streaks(scene.shape[0], scene.shape[1], rng)[..., None]
    behind = scene.astype(np.float32)
    sky = rng.uniform(150, 255) * rng.uniform(0.95, 1.05, 3)
    rainy = behind + opacity * np.maximum(sky.astype(np.float32) - behind, 0)
    return cv2.convertScaleAbs(rainy)


def as_jpeg(picture: Picture, quality: int) -> Picture:
    """Encodes a picture as JPEG and decodes it again.

    Args:
        picture: The picture, H×W×3 RGB.
        quality: JPEG quality, 0–100.

    Returns:
        The decoded picture, H×W×3 RGB.
    """
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, file = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.cvtColor(cv2.imdecode(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return np.asarray(decoded, np.uint8)


def sharpened(picture: Picture, amount: float) -> Picture:
    """Sharpens a picture with an unsharp mask of one pixel.

    Args:
        picture: The picture, H×W×3 RGB.
        amount: Share of the difference from the blurred picture that is added, from 0.

    Returns:
        The sharper picture, H×W×3 RGB.
    """
    blurred = cv2.GaussianBlur(picture, (0, 0), 1)
    return np.asarray(cv2.addWeighted(picture, 1 + amount, blurred, -amount, 0), np.uint8)


def _streaks(height: int, width: int, rng: np.random.Generator) -> Layer:
    """Draws a veil of far, middle and sometimes near rain, a fine veil, or a few streaks, as opacity H×W."""
    angle = float(rng.uniform(-55, 55) if rng.random() < 0.5 else rng.normal(0, 12))
    strength = log_uniform(rng, 0.15, 0.65)
    kind = rng.random()
    if kind < SPARSE_SHARE:
        styles = [_sparse, _sparse]
    elif kind < SPARSE_SHARE + FINE_SHARE:
        styles = [_fine, _fine, _sparse] if rng.random() < 0.4 else [_fine, _fine]
    else:
        styles = [_far, _middle, _near] if rng.random() < 0.4 else [_far, _middle]
    seen_through = np.ones((height, width), np.float32)
    for style in styles:
        seen_through *= 1 - streak_layer(height, width, style(angle, strength, rng), rng)
    return 1 - seen_through


def _far(angle: float, strength: float, rng: np.random.Generator) -> StreakStyle:
    return StreakStyle(
        length=float(rng.uniform(5, 25)),
        defocus=float(rng.uniform(0.35, 0.7)),
        angle=angle + float(rng.normal(0, 3)),
        convergence=0.0,
        coverage=float(rng.uniform(0.2, 0.8)),
        peak=strength * float(rng.uniform(0.4, 1)),
        clustering=float(rng.uniform(0, 0.8)),
        gusts=float(rng.uniform(0, 0.8)),
    )


def _middle(angle: float, strength: float, rng: np.random.Generator) -> StreakStyle:
    return StreakStyle(
        length=float(rng.uniform(12, 60)),
        defocus=float(rng.uniform(0.35, 1.2)),
        angle=angle + float(rng.normal(0, 3)),
        convergence=0.0,
        coverage=float(rng.uniform(0.08, 0.5)),
        peak=strength,
        clustering=float(rng.uniform(0.2, 1)),
        gusts=float(rng.uniform(0, 1)),
    )


def _near(angle: float, strength: float, rng: np.random.Generator) -> StreakStyle:
    return StreakStyle(
        length=float(rng.uniform(40, 120)),
        defocus=float(rng.uniform(1.5, 3.5)),
        angle=angle + float(rng.normal(0, 4)),
        convergence=0.0,
        coverage=float(rng.uniform(0.03, 0.15)),
        peak=strength * float(rng.uniform(0.4, 1)),
        clustering=float(rng.uniform(0.5, 1)),
    )


def _fine(angle: float, strength: float, rng: np.random.Generator) -> StreakStyle:
    """Very many short thin lines, as dense rain leaves in a photo that was reduced for the web."""
    return StreakStyle(
        length=log_uniform(rng, 6, 30),
        defocus=float(rng.uniform(0.3, 0.6)),
        angle=angle + float(rng.normal(0, 3)),
        convergence=0.0,
        coverage=float(rng.uniform(0.3, 0.9)),
        peak=strength * float(rng.uniform(0.3, 1)),
        clustering=float(rng.uniform(0.3, 1)),
        gusts=float(rng.uniform(0, 0.8)),
    )


def _sparse(angle: float, strength: float, rng: np.random.Generator) -> StreakStyle:
    """Short separate streaks, as light rain leaves in a photo or a frame of a video.

    They are at least five times as long as wide, so that they do not look like snow.
    """
    length = log_uniform(rng, 8, 60)
    return StreakStyle(
        length=length,
        defocus=min(float(rng.uniform(0.4, 1.4)), length / 10),
        angle=angle + float(rng.normal(0, 3)),
        convergence=0.0,
        coverage=log_uniform(rng, 0.005, 0.06),
        peak=strength * float(rng.uniform(0.4, 1)),
        clustering=float(rng.uniform(0, 1)),
        gusts=float(rng.uniform(0, 1)),
    )
