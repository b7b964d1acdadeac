"""Carries a change of a smaller picture over to the picture itself.

Enlarging the change alone would blur it: bright cores of fine streaks would stay, with dark rims beside them.
The picture shows where the edges are. Within the smaller picture the change is nearly a linear function of
the values around each place: what is brighter there is more rain. The slope of this function says how much of
the picture's finer detail belongs to the change (after the guided filter, He et al., ECCV 2010).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deraincli.geometry import Size, row_bands
from deraincli.inference.tiled import quantised, unit_range

NOISE = 2 / 255
"""Standard deviation of the smaller picture below which its values say little about the change, 0–1."""


def carry_over(
    pixels: NDArray[Any], smaller: NDArray[np.float32], change: NDArray[np.float32]
) -> NDArray[Any]:
    """Applies a change of a smaller picture to a picture. Works band by band to save memory.

    No place becomes brighter unless the smaller picture did so around it. Where the change is 0, integers
    keep their values.

    Args:
        pixels: The picture, H×W×3, unsigned integers over their full range or floats in 0–1.
        smaller: The smaller picture, h×w×3 in 0–1.
        change: What to add to the smaller picture, h×w×3 in −1…1.

    Returns:
        The changed picture, of the shape and dtype of `pixels`.
    """
    import cv2  # here, because most pictures need no second size

    size = Size(*pixels.shape[:2])
    slope = _slope(smaller, change)
    limit = np.maximum(cv2.dilate(change, np.ones((3, 3), np.uint8)), 0)
    changed = np.empty_like(pixels)
    for rows in row_bands(size.height, size.width):
        band = unit_range(pixels[rows])
        detail = band - enlarged_rows(smaller, size, rows)
        detail *= enlarged_rows(slope, size, rows)
        detail += enlarged_rows(change, size, rows)
        band += np.minimum(detail, enlarged_rows(limit, size, rows), out=detail)
        changed[rows] = quantised(band, pixels.dtype)
    return changed


def enlarged(maps: NDArray[np.float32] | None, size: Size, *, smooth: bool) -> NDArray[np.float32] | None:
    """Enlarges maps.

    Args:
        maps: Maps, …×h×w, or None.
        size: The new size, H×W pixels.
        smooth: Whether values are interpolated rather than repeated.

    Returns:
        The maps, …×H×W, or None.
    """
    if maps is None or Size(*maps.shape[-2:]) == size:
        return maps
    import cv2

    interpolation = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
    larger = np.empty((*maps.shape[:-2], size.height, size.width), np.float32)
    for index in np.ndindex(maps.shape[:-2]):
        larger[index] = cv2.resize(maps[index], (size.width, size.height), interpolation=interpolation)
    return larger


def enlarged_rows(picture: NDArray[Any], size: Size, rows: slice) -> NDArray[np.float32]:
    """Returns some rows of an enlarged picture, by the linear interpolation of OpenCV's resize.

    Args:
        picture: The picture, h×w×C. Integers keep their values.
        size: Size of the enlarged picture, H×W pixels.
        rows: The rows of the enlarged picture to compute.

    Returns:
        The rows, n×W×C float32.
    """
    import cv2

    places = (np.arange(rows.start, rows.stop) + 0.5) * (len(picture) / size.height) - 0.5
    above = np.floor(places).astype(int)
    weights = (places - above).astype(np.float32)[:, None, None]
    above, below = above.clip(0, len(picture) - 1), (above + 1).clip(0, len(picture) - 1)
    first = above[0]
    wide = picture[first : below[-1] + 1].astype(np.float32, copy=False)
    wide = np.asarray(cv2.resize(wide, (size.width, len(wide)), interpolation=cv2.INTER_LINEAR))
    wide = wide.reshape(*wide.shape[:2], -1)  # restores a single channel, which OpenCV drops
    lower = wide[above - first]
    return lower + weights * (wide[below - first] - lower)


def _slope(smaller: NDArray[np.float32], change: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns how much the change grows per growth of the picture, h×w×3, from 3×3 pixels around each."""
    import cv2

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.blur(values, (3, 3), borderType=cv2.BORDER_REPLICATE))

    middle, middle_change = mean(smaller), mean(change)
    variance = mean(smaller * smaller) - middle * middle
    covariance = mean(smaller * change) - middle * middle_change
    return np.asarray(covariance / (np.maximum(variance, 0) + np.float32(NOISE**2)))
