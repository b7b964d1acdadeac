"""Square crops for training, varied at random."""

from __future__ import annotations

import cv2
import numpy as np

from deraincli.imaging.image import Views
from deraincli.pixels import Picture

LARGEST_TILT = 45.0
"""Largest angle by which a crop is turned, in degrees."""


def crop_alike(views: Views, side: int, rng: np.random.Generator) -> Views:
    """Cuts the same square from every view, and varies all of them in the same way.

    Crops may be shrunk, mirrored, or changed in brightness and tint. They are mirrored from left to right
    only, because rain falls down.

    Args:
        views: Pictures of one size, H×W×3 uint8 each, at least `side` pixels high and wide.
        side: Side of the crops in pixels.
        rng: Source of randomness.

    Returns:
        A crop of each view, side×side×3 uint8.
    """
    height, width = views[0].shape[:2]
    largest = min(height, width) / side
    factor = float(rng.uniform(1, min(largest, 2))) if rng.random() < 0.3 else 1.0
    source = int(side * factor)
    y, x = (int(rng.integers(extent - source + 1)) for extent in (height, width))
    mirrored = rng.random() < 0.5
    table = _gamma(rng) if rng.random() < 0.3 else None
    return tuple(_cut(view[y : y + source, x : x + source], side, mirrored, table) for view in views)


def crop_tilted(photo: Picture, side: int, rng: np.random.Generator) -> Picture:
    """Cuts a square from a photo as `crop_alike` does, turned by up to LARGEST_TILT in either direction.

    Args:
        photo: A picture, H×W×3 uint8, at least √2·`side` pixels high and wide.
        side: Side of the crop in pixels.
        rng: Source of randomness.

    Returns:
        The crop, side×side×3 uint8.
    """
    angle = float(rng.uniform(-LARGEST_TILT, LARGEST_TILT))
    turn = np.deg2rad(abs(angle))
    around = int(np.floor(side * (np.cos(turn) + np.sin(turn))))  # the upright square around the turned one
    (square,) = crop_alike((photo,), around, rng)
    centre = (around - 1) / 2
    matrix = cv2.getRotationMatrix2D((centre, centre), angle, 1)
    matrix[:, 2] += (side - around) / 2
    return cv2.warpAffine(square, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def _gamma(rng: np.random.Generator) -> Picture:
    """Returns a lookup table, 256×1×3, with one exponent for brightness, slightly different by channel."""
    exponent = np.exp(rng.normal(0, 0.3)) * np.exp(rng.normal(0, 0.04, 3))
    table = np.rint(255 * (np.arange(256)[:, None] / 255) ** exponent).astype(np.uint8)
    return table.reshape(256, 1, 3)


def _cut(square: Picture, side: int, mirrored: bool, table: Picture | None) -> Picture:
    if len(square) != side:
        square = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
    if mirrored:
        square = square[:, ::-1]
    if table is not None:
        square = cv2.LUT(np.ascontiguousarray(square), table)
    return np.ascontiguousarray(square)
