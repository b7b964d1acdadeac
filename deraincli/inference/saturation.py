"""Recolours what a network restored from saturated pixels.

Rain adds light to all channels of a pixel. A channel that is saturated shows only a part of it, so networks
misjudge that channel beside the others and leave a coloured trace, often a green one. The colour of such
pixels is therefore taken from their surroundings. Their luminance stays as it was restored.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deraincli.geometry import row_bands
from deraincli.inference.tiled import quantised, unit_range
from deraincli.pixels import LUMA

SATURATED = 253 / 255
"""Values from which a channel counts as saturated, of 1. JPEG lowers the largest value a little."""
WHOLE_CHANGE = 20 / 255
"""Change by the network, of 1, from which a pixel takes all of its colour from its surroundings."""
REACH = 1.5
"""Standard deviation of the surroundings' weights, pixels. Streaks are a few pixels wide."""

_RADIUS = 6
_LEAST_WEIGHT = 0.02
_LUMA = np.array(LUMA, np.float32)


def recolour_saturated(before: NDArray[Any], restored: NDArray[Any]) -> None:
    """Gives partly saturated pixels that a network darkened the colour of their surroundings, in place.

    Other pixels keep their values exactly, also those with all channels saturated, whose channels say
    equally little. Bands of rows save memory and do not change the result.

    Args:
        before: The picture with rain, H×W×3 RGB of uint8, uint16, or floats in 0–1.
        restored: Its restoration, of the same shape and dtype. It is changed.
    """
    whole = 1 if before.dtype.kind == "f" else np.iinfo(before.dtype).max
    height, width = before.shape[:2]
    for rows in row_bands(height, width):
        near = slice(max(rows.start - _RADIUS, 0), min(rows.stop + _RADIUS, height))
        saturated = np.asarray(before[near] >= SATURATED * whole)
        inner = slice(rows.start - near.start, rows.stop - near.start)
        partly = saturated[inner].any(axis=2) & ~saturated[inner].all(axis=2)
        if not partly.any():
            continue
        # Rows above were recoloured already, but only where they are saturated and weigh nothing.
        picture = unit_range(restored[near])
        colour = picture - (picture @ _LUMA)[..., None]
        around, weight = _surroundings(colour, np.asarray(~saturated.any(axis=2)))
        change = (unit_range(before[rows]) - picture[inner]).max(axis=2)
        share = (change / WHOLE_CHANGE).clip(0, 1) * partly * (weight[inner] > _LEAST_WEIGHT)
        recoloured = picture[inner] + share[..., None] * (around - colour)[inner]
        place = share > 0
        restored[rows][place] = quantised(recoloured[place], restored.dtype)


def _surroundings(
    colour: NDArray[np.float32], counts: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Averages the colour around each pixel, H×W×3, over pixels that count. Returns their weight, too."""
    import cv2  # here, because most pictures do not need it

    size = (2 * _RADIUS + 1, 2 * _RADIUS + 1)
    weight = np.asarray(cv2.GaussianBlur(counts.astype(np.float32), size, REACH))
    total = np.asarray(cv2.GaussianBlur(colour * counts[..., None], size, REACH))
    return total / np.maximum(weight, np.float32(_LEAST_WEIGHT))[..., None], weight
