"""The known picture, drawn by formula so that it is the same on every machine, with and without rain."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.pixels import Doubles

SIDE = 192
"""Side of the known picture, in pixels."""

SPREAD = (0.7548776662466927, 0.5698402909980532, 0.6180339887498949, 0.4142135623730951)
"""Numbers whose multiples, modulo 1, are spread evenly. They replace a random generator."""


def known_pair(task: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draws the known picture.

    Args:
        task: "drop" for drops on the lens. Any other value is for streaks.

    Returns:
        The rainy and the clean picture, each H×W×3.
    """
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    if task == "drop":  # no soft blobs, because the model for drops may take them for drops
        clean = _wall(y, x)
        return _to_uint8(_with_drops(clean, y, x)), _to_uint8(clean)
    clean = _scene(y, x)
    return _to_uint8(_with_streaks(clean, y, x)), _to_uint8(clean)


def _scene(y: Doubles, x: Doubles) -> Doubles:
    """Draws a dim gradient with soft blobs and a wall of planks below, H×W×3 in 0–1."""
    scene = np.stack([0.25 + 0.2 * x / SIDE, 0.35 + 0.1 * y / SIDE, 0.5 - 0.2 * y / SIDE], -1)
    for index in range(1, 13):
        centre_y, centre_x, size, tint = _spread(index)
        radius = 6 + 14 * size
        blob = np.clip(2 * (1.2 - np.hypot(y - SIDE * centre_y, x - SIDE * centre_x) / radius), 0, 1)
        scene += 0.12 * blob[..., None] * np.cos(6 * tint + np.arange(3.0))
    return np.where((y > 0.7 * SIDE)[..., None], _wall(y, x), scene).clip(0, 1)


def _wall(y: Doubles, x: Doubles) -> Doubles:
    """Draws planks, H×W×3 in 0–1."""
    board = y // 12
    planks = np.where(y % 12 < 2, 0.25, 0.4 + 0.03 * np.sin(0.15 * x + board))
    return planks[..., None] * np.array([1.0, 0.8, 0.65])


def _with_streaks(clean: Doubles, y: Doubles, x: Doubles) -> Doubles:
    """Adds a hundred soft, slightly slanted streaks."""
    layer = np.zeros_like(x)
    for index in range(1, 101):
        centre_y, centre_x, length, strength = _spread(index)
        along = y - SIDE * centre_y
        across = x - SIDE * centre_x - 0.15 * along
        streak = np.exp(-((across / 0.9) ** 2) - (along / (9 + 8 * length)) ** 4)
        layer = np.maximum(layer, (0.2 + 0.3 * strength) * streak)
    return clean + layer[..., None]


def _with_drops(clean: Doubles, y: Doubles, x: Doubles) -> Doubles:
    """Adds sixteen drops, each of which shows the scene upside down, small and blurred."""
    rainy = clean
    blurred = cv2.GaussianBlur(clean, (0, 0), 4)
    for index in range(41, 57):  # indices that the blobs do not use
        centre_y, centre_x, size, light = _spread(index)
        from_y, from_x = y - SIDE * centre_y, x - SIDE * centre_x
        seen_y = np.clip(SIDE * centre_y - 3 * from_y, 0, SIDE - 1).astype(int)
        seen_x = np.clip(SIDE * centre_x - 3 * from_x, 0, SIDE - 1).astype(int)
        cover = np.clip(4 * (1 - np.hypot(from_y, from_x) / (6 + 7 * size)), 0, 1)[..., None]
        rainy = rainy * (1 - cover) + (blurred[seen_y, seen_x] + 0.15 * light) * cover
    return rainy


def _spread(index: int) -> tuple[float, float, float, float]:
    """Returns four numbers in 0–1 that are evenly spread over the indices."""
    first, second, third, fourth = (index * step % 1 for step in SPREAD)
    return first, second, third, fourth


def _to_uint8(picture: Doubles) -> NDArray[np.uint8]:
    return (255 * picture.clip(0, 1)).round().astype(np.uint8)
