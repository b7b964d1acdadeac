"""Random crops of recordings, mirrored, rotated and resized."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.rain.random_numbers import log_uniform

Extent = NDArray[np.float64]
"""Width and height in pixels."""


def random_view(
    source: NDArray[Any],
    height: int,
    width: int,
    rng: np.random.Generator,
    *,
    tilt: float,
    scales: tuple[float, float],
) -> NDArray[Any]:
    """Draws a random crop of a picture.

    Args:
        source: The picture, h×w or h×w×C with at most four channels.
        height: Height of the crop in pixels.
        width: Width of the crop in pixels.
        rng: Source of randomness.
        tilt: Standard deviation of the rotation in degrees.
        scales: Range of the magnification.

    Returns:
        The crop, height×width or height×width×C, of the type of `source`.
    """
    turn = np.deg2rad(rng.normal(0, tilt))
    scale = log_uniform(rng, *scales)
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    cos, sin = np.cos(turn) / scale, np.sin(turn) / scale
    linear = np.array([[cos * mirror, -sin], [sin * mirror, cos]])
    half = np.abs(linear) @ (width / 2, height / 2)
    centre = _within(half, np.array(source.shape[1::-1]), rng)
    offset = centre - linear @ (width / 2, height / 2)
    matrix = np.column_stack([linear, offset])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(source, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)


def _within(half: Extent, size: NDArray[np.int64], rng: np.random.Generator) -> Extent:
    """Draws the centre of a crop so that the crop stays inside the picture.

    Rain that is reflected at an edge would fall in a chevron. A crop that is too large is centred.
    """
    least = np.minimum(half, size / 2)
    return rng.uniform(least, size - least)
