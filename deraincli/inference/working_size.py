"""Restores large pictures at the size at which rain is as large as the networks know it.

A network knows streaks and drops of some pixels, from pictures of some hundred pixels a side. In a photo
of many more pixels the same rain is larger than anything it has seen, and it stays. So such a photo is made
smaller, restored, and what that changed is enlarged and added to the photo, whose detail remains.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.errors import UsageError
from deraincli.geometry import Size, row_bands
from deraincli.inference.tiled import Restored, RunTile, check_values, quantised, restore_tiled, unit_range
from deraincli.inference.tiling import Tiling

SideChoice = int | Literal["auto", "full"]
"""Shorter side, in pixels, at which larger pictures are restored; "full" leaves all as they are."""

USUAL_SIDE = 400
"""What "auto" stands for; the pictures of the field's sets have 321 to 512."""
LEAST_REDUCTION = 1.5
"""Pictures up to so many times as large as asked for stay as they are: networks still know the rain there."""
SMALLEST_SIDE = 64
"""In less there is no rain to see."""


def check_side(side: SideChoice) -> None:
    """Raises UsageError for what is no working side."""
    if side not in ("auto", "full") and not (isinstance(side, int) and side >= SMALLEST_SIDE):
        raise UsageError(
            f"A working side is 'auto', 'full' or {SMALLEST_SIDE} pixels or more, not {side!r}: choose one."
        )


def working_size(picture: Size, side: SideChoice) -> Size:
    """The size at which a picture is restored: its own, or smaller with the same proportions."""
    if side == "full":
        return picture
    wanted = USUAL_SIDE if side == "auto" else side
    shorter = min(picture.height, picture.width)
    if shorter <= LEAST_REDUCTION * wanted:
        return picture
    return Size(round(picture.height * wanted / shorter), round(picture.width * wanted / shorter))


def to_working_size(pixels: NDArray[Any], side: SideChoice) -> NDArray[Any]:
    """A picture H×W×C at its working size: itself, or smaller and then as float32 in 0–1.

    Raises InputError for values that `restore_tiled` does not take.
    """
    picture = Size(*pixels.shape[:2])
    size = working_size(picture, side)
    if size == picture:
        return pixels
    import cv2  # late, as most pictures do not need it

    check_values(pixels)
    if pixels.dtype.kind == "f":  # of which OpenCV does not know all
        pixels = pixels.astype(np.float32, copy=False)
    smaller = cv2.resize(pixels, (size.width, size.height), interpolation=cv2.INTER_AREA)
    # Averages of ones may exceed one by a rounding.
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
    """As `restore_tiled`, at the working size: image and maps come back as large as `pixels`.

    Where restoring changes nothing, integers stay what they are.
    """
    smaller = to_working_size(pixels, side)
    result = restore_tiled(smaller, run_tile, tiling, on_progress=on_progress, on_warning=on_warning)
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
    """Maps …×h×w to …×H×W."""
    if maps is None:
        return None
    import cv2

    larger = np.empty((*maps.shape[:-2], size.height, size.width), np.float32)
    for index in np.ndindex(maps.shape[:-2]):
        larger[index] = cv2.resize(maps[index], (size.width, size.height), interpolation=interpolation)
    return larger


def _changed(pixels: NDArray[Any], change: NDArray[np.float32]) -> NDArray[Any]:
    """H×W×3 plus a change h×w×3, enlarged band by band."""
    changed = np.empty_like(pixels)
    for rows in row_bands(*pixels.shape[:2]):
        band = enlarged_rows(change, Size(*pixels.shape[:2]), rows)
        changed[rows] = quantised(unit_range(pixels[rows]) + band, pixels.dtype)
    return changed


def enlarged_rows(picture: NDArray[np.float32], size: Size, rows: slice) -> NDArray[np.float32]:
    """Some rows of a picture h×w×C resized to H×W×C by bicubic interpolation, as OpenCV's resize has it."""
    import cv2

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
