"""Restores large pictures at the size at which rain is as large as the networks know it.

A network knows streaks and drops of some pixels, from pictures of some hundred pixels a side. In a photo
of many more pixels the same rain is larger than anything it has seen, and it stays. So such a photo is made
smaller, restored, and what that changed is enlarged and added to the photo, whose detail remains.
"""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.errors import UsageError
from deraincli.geometry import Size
from deraincli.inference.plan import Tiling
from deraincli.inference.restore import (
    OnProgress,
    OnWarning,
    Restored,
    RunTile,
    check_pixels,
    quantised,
    restore,
    unit_range,
)

Maps = NDArray[np.float32] | None
SideChoice = int | Literal["auto", "full"]
"""Shorter side, in pixels, of the pictures that a network is given; larger ones are made smaller."""

USUAL_SIDE = 400
"""What "auto" makes of large pictures; those of the field's sets have 321 to 512."""
LEAST_REDUCTION = 1.5
"""Up to so many times USUAL_SIDE, "auto" leaves pictures as they are: networks still know the rain there."""


BAND = 64
"""Rows that are enlarged at a time."""


def check_side(side: SideChoice) -> None:
    """Raises UsageError for a side below 1."""
    if not isinstance(side, str) and side < 1:
        raise UsageError(
            f"A working side of {side} pixels holds nothing: ask for 1 or more, 'auto' or 'full'."
        )


def working_size(picture: Size, side: SideChoice) -> Size:
    """The size at which a picture is restored: its own, or smaller with the same proportions."""
    shorter = min(picture.height, picture.width)
    if side == "full" or (side == "auto" and shorter <= LEAST_REDUCTION * USUAL_SIDE):
        return picture
    factor = (USUAL_SIDE if side == "auto" else side) / shorter
    if factor >= 1:
        return picture
    return Size(max(round(picture.height * factor), 1), max(round(picture.width * factor), 1))


def reduced(pixels: NDArray[Any], side: SideChoice) -> NDArray[Any]:
    """A picture as `restore` takes it, at its working size: itself, or smaller, as floats in 0–1.

    Raises InputError for anything but what `restore` takes.
    """
    check_pixels(pixels)
    picture = Size(*pixels.shape[:2])
    size = working_size(picture, side)
    if size == picture:
        return pixels
    if pixels.dtype == np.float16:  # unknown to OpenCV
        pixels = pixels.astype(np.float32)
    smaller = cv2.resize(pixels, (size.width, size.height), interpolation=cv2.INTER_AREA)
    return unit_range(np.asarray(smaller))


def restore_reduced(
    pixels: NDArray[Any],
    side: SideChoice,
    run_tile: RunTile,
    tiling: Tiling,
    *,
    on_progress: OnProgress | None = None,
    on_warning: OnWarning | None = None,
) -> Restored:
    """As `restore`, at the working size: image and maps come back as large as `pixels`.

    Where restoring changes less than half a level, integers stay what they are.
    """
    smaller = reduced(pixels, side)
    result = restore(smaller, run_tile, tiling, on_progress=on_progress, on_warning=on_warning)
    if smaller is pixels:
        return result
    size = Size(*pixels.shape[:2])
    return result._replace(
        image=_changed(pixels, result.image - smaller),
        ram=_enlarged(result.ram, size, cv2.INTER_LINEAR),
        cam=_enlarged(result.cam, size, cv2.INTER_LINEAR),
        levels=_enlarged(result.levels, size, cv2.INTER_NEAREST),
    )


def _enlarged(maps: Maps, size: Size, interpolation: int) -> Maps:
    """Maps …×h×w to …×H×W."""
    if maps is None:
        return None
    larger = [
        cv2.resize(it, (size.width, size.height), interpolation=interpolation)
        for it in maps.reshape(-1, *maps.shape[-2:])
    ]
    return np.array(larger, np.float32).reshape(*maps.shape[:-2], size.height, size.width)


def _changed(pixels: NDArray[Any], change: NDArray[np.float32]) -> NDArray[Any]:
    """H×W×3 plus a change h×w×3, enlarged; in bands, so that no second picture of floats is made."""
    changed = np.empty_like(pixels)
    size = Size(*pixels.shape[:2])
    for top in range(0, size.height, BAND):
        rows = slice(top, min(top + BAND, size.height))
        band = enlarged_rows(change, size, rows)
        changed[rows] = quantised(unit_range(pixels[rows]) + band, pixels.dtype)
    return changed


def enlarged_rows(picture: NDArray[np.float32], size: Size, rows: slice) -> NDArray[np.float32]:
    """Some rows of a picture h×w×C resized to H×W×C by bicubic interpolation, as OpenCV's resize has it."""
    places = (np.arange(rows.start, rows.stop) + 0.5) * (len(picture) / size.height) - 0.5
    sources = np.floor(places).astype(int)[:, None] + np.arange(-1, 3)
    weights = _cubic(np.abs(places[:, None] - sources)).astype(np.float32)
    sources = sources.clip(0, len(picture) - 1)
    first = sources[0, 0]
    wide = picture[first : sources[-1, -1] + 1]
    wide = cv2.resize(wide, (size.width, len(wide)), interpolation=cv2.INTER_CUBIC)
    return sum(weights[:, k, None, None] * wide[sources[:, k] - first] for k in range(4))


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' kernel with OpenCV's a = −0.75, at distances of 0 to 2 pixels."""
    near = (1.25 * distance - 2.25) * distance**2 + 1
    far = -0.75 * (((distance - 5) * distance + 8) * distance - 4)
    return np.where(distance <= 1, near, far)
