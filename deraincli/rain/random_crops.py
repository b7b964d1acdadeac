"""Crops of what was recorded, varied at random: mirrored, turned and resized."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Extent = NDArray[np.float64]
"""Across and down, pixels."""


def random_view(
    source: NDArray[Any],
    height: int,
    width: int,
    rng: np.random.Generator,
    *,
    tilt: float,
    scales: tuple[float, float],
) -> NDArray[Any]:
    """A crop H×W of a picture h×w or h×w×C of at most four channels, of the same type.

    `tilt`: standard deviation of the angle it is turned by, degrees. `scales`: range of the magnification.
    """
    turn = np.deg2rad(rng.normal(0, tilt))
    scale = float(np.exp(rng.uniform(*np.log(scales))))
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
    """Where the middle of a crop may lie so that it stays in the picture: what is mirrored at an edge falls
    in a chevron. A crop that is too large lies in the middle."""
    least = np.minimum(half, size / 2)
    return rng.uniform(least, size - least)
