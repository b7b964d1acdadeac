"""Restores large pictures at a smaller size, at which their rain is as large as in the training pictures.

The networks were trained on pictures of a few hundred pixels a side. In a photo with many more pixels the
same rain covers more pixels and would be missed. Such a photo is therefore made smaller and restored. The
difference is enlarged and added to the photo, which keeps its detail.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.errors import UsageError
from deraincli.geometry import Size, row_bands
from deraincli.inference.saturation import recolour_saturated
from deraincli.inference.tiled import Restored, RunTile, check_values, quantised, restore_tiled, unit_range
from deraincli.inference.tiling import Tiling

SideChoice = int | Literal["auto", "full"]
"""Shorter side in pixels at which larger pictures are restored. "full" keeps the size of every picture."""

USUAL_SIDE = 400
"""Side that "auto" chooses, pixels. The shorter sides in the field's data sets are 321 to 512 pixels."""
LEAST_REDUCTION = 1.5
"""Least factor by which a picture is reduced. Smaller pictures keep their size, because the networks still
recognise the rain in them."""
SMALLEST_SIDE = 64
"""Smallest working side, pixels. Rain is not visible at a smaller one."""


def check_side(side: SideChoice) -> None:
    """Checks a working side.

    Args:
        side: "auto", "full" or the shorter side in pixels.

    Raises:
        UsageError: The side is not one of these, or is below SMALLEST_SIDE.
    """
    if side not in ("auto", "full") and not (isinstance(side, int) and side >= SMALLEST_SIDE):
        raise UsageError(
            f"The working side cannot be {side!r}: choose 'auto', 'full' or {SMALLEST_SIDE} pixels or more."
        )


def working_size(picture: Size, side: SideChoice) -> Size:
    """Returns the size at which a picture is restored.

    Args:
        picture: Size of the picture, pixels.
        side: The working side.

    Returns:
        The size of the picture, or a smaller one with the same proportions.
    """
    if side == "full":
        return picture
    wanted = USUAL_SIDE if side == "auto" else side
    shorter = min(picture.height, picture.width)
    if shorter <= LEAST_REDUCTION * wanted:
        return picture
    return Size(round(picture.height * wanted / shorter), round(picture.width * wanted / shorter))


def to_working_size(pixels: NDArray[Any], side: SideChoice) -> NDArray[Any]:
    """Brings a picture to its working size.

    Args:
        pixels: The picture, H×W×C, as for `restore_tiled`.
        side: The working side.

    Returns:
        The same array if it has its working size, else a smaller picture, float32 in 0–1.

    Raises:
        InputError: `restore_tiled` does not take such values.
    """
    picture = Size(*pixels.shape[:2])
    size = working_size(picture, side)
    if size == picture:
        return pixels
    import cv2  # here, because most pictures do not need it

    check_values(pixels)
    if pixels.dtype.kind == "f":  # OpenCV does not know all float types
        pixels = pixels.astype(np.float32, copy=False)
    smaller = cv2.resize(pixels, (size.width, size.height), interpolation=cv2.INTER_AREA)
    # The average of ones can exceed one by a rounding error.
    return unit_range(np.asarray(smaller)).clip(0, 1).reshape(size.height, size.width, pixels.shape[2])


def restore_at_working_size(
    pixels: NDArray[Any],
    side: SideChoice,
    run_tile: RunTile,
    tiling: Tiling,
    *,
    on_progress: OnProgress | None = None,
    on_warning: OnWarning | None = None,
) -> Restored:
    """Restores a picture at its working size with `restore_tiled`.

    Args:
        pixels: The picture, H×W×3 RGB, as for `restore_tiled`.
        side: The working side.
        run_tile: Restores one tile.
        tiling: How to cut the smaller picture.
        on_progress: Receives the number of tiles done and their total.
        on_warning: Receives sentences for the user.

    Returns:
        The restored picture and its maps, as large as `pixels`. Integers that restoring does not change keep
        their values. Saturated pixels take their colour from their surroundings.

    Raises:
        InputError: The array has another shape, dtype or range.
        DeviceError: Even the smallest tile does not fit in memory.
    """
    smaller = to_working_size(pixels, side)
    result = restore_tiled(smaller, run_tile, tiling, on_progress=on_progress, on_warning=on_warning)
    recolour_saturated(smaller, result.image)
    if smaller is pixels:
        return result
    import cv2

    size = Size(*pixels.shape[:2])
    change = np.subtract(result.image, smaller, out=result.image)
    return result._replace(
        image=_changed(pixels, change),
        ram=_enlarged(result.ram, size, cv2.INTER_LINEAR),
        cam=_enlarged(result.cam, size, cv2.INTER_LINEAR),
        levels=_enlarged(result.levels, size, cv2.INTER_NEAREST),
    )


def _enlarged(maps: NDArray[np.float32] | None, size: Size, interpolation: int) -> NDArray[np.float32] | None:
    """Enlarges maps …×h×w to …×H×W."""
    if maps is None:
        return None
    import cv2

    larger = np.empty((*maps.shape[:-2], size.height, size.width), np.float32)
    for index in np.ndindex(maps.shape[:-2]):
        larger[index] = cv2.resize(maps[index], (size.width, size.height), interpolation=interpolation)
    return larger


def _changed(pixels: NDArray[Any], change: NDArray[np.float32]) -> NDArray[Any]:
    """Adds a change, h×w×3, to a picture, H×W×3. The change is enlarged band by band to save memory."""
    changed = np.empty_like(pixels)
    for rows in row_bands(*pixels.shape[:2]):
        band = enlarged_rows(change, Size(*pixels.shape[:2]), rows)
        changed[rows] = quantised(unit_range(pixels[rows]) + band, pixels.dtype)
    return changed


def enlarged_rows(picture: NDArray[Any], size: Size, rows: slice) -> NDArray[np.float32]:
    """Returns some rows of an enlarged picture, by the bicubic interpolation of OpenCV's resize.

    Args:
        picture: The picture, h×w×C. Integers keep their values.
        size: Size of the enlarged picture, H×W pixels.
        rows: The rows of the enlarged picture to compute.

    Returns:
        The rows, n×W×C float32.
    """
    import cv2

    places = (np.arange(rows.start, rows.stop) + 0.5) * (len(picture) / size.height) - 0.5
    sources = np.floor(places).astype(int)[:, None] + np.arange(-1, 3)
    weights = _cubic(np.abs(places[:, None] - sources)).astype(np.float32)
    sources = sources.clip(0, len(picture) - 1)
    first = sources[0, 0]
    wide = picture[first : sources[-1, -1] + 1].astype(np.float32, copy=False)
    wide = cv2.resize(wide, (size.width, len(wide)), interpolation=cv2.INTER_CUBIC)
    wide = wide.reshape(*wide.shape[:2], -1)  # restores a single channel, which OpenCV drops
    return sum(weights[:, k, None, None] * wide[sources[:, k] - first] for k in range(4))


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evaluates Keys' kernel with OpenCV's a = −0.75 at distances of 0 to 2 pixels."""
    near = (1.25 * distance - 2.25) * distance**2 + 1
    far = -0.75 * (((distance - 5) * distance + 8) * distance - 4)
    return np.where(distance <= 1, near, far)
