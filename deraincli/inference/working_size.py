"""Chooses the sizes at which a picture is restored.

Rain has an angular size, so it covers more pixels in a photo of more pixels. The networks know rain of about
half to twice its size in pictures of a few hundred pixels a side. A larger photo is therefore restored at a
fine size first, and its result at coarser sizes, down to that of the training pictures.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deraincli.errors import UsageError
from deraincli.geometry import Size
from deraincli.inference.tiled import check_values, unit_range

SideChoice = int | Literal["auto", "full"]
"""Shorter side in pixels of the finest size at which pictures are restored. "auto" chooses it by the picture.
"full" restores every picture at its own size, and at no other."""

USUAL_SIDE = 400
"""Coarsest side, pixels. The shorter sides in the field's data sets are 321 to 512 pixels."""
FINEST_SIDE = 1000
"""Finest side that "auto" chooses, pixels. At finer ones the networks take broad soft rain for scenery in
part, and what is left is no longer recognised at the coarser sides."""
SIDE_RATIO = FINEST_SIDE / USUAL_SIDE
"""Ratio of a side to the next coarser one. The networks know rain over a larger range of sizes."""
FADE_IN = 1.5
"""Ratio to the finest side from which a coarser side counts in full. It fades in from a ratio of one."""
SMALLEST_SIDE = 64
"""Smallest side, pixels. Rain is not visible at a smaller one."""
VISIBLE = 16 / 255
"""Least difference that counts as detail, 0–1."""
DETAILED_SHARE = 1e-3
"""Share of pixels that may lose detail to a smaller size, 0–1."""
LEAST_REDUCTION = 1.1
"""Least factor by which a picture is reduced because it has no detail."""


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


def reduced(pixels: NDArray[Any], side: int) -> NDArray[Any]:
    """Makes a picture smaller.

    Args:
        pixels: The picture, H×W×C, as for `restore_tiled`.
        side: Shorter side of the smaller picture, pixels.

    Returns:
        The same array if its shorter side is no longer, else a smaller picture with the same proportions,
        float32 in 0–1.
    """
    if min(pixels.shape[:2]) <= side:
        return pixels
    import cv2  # here, because most pictures do not need it

    if pixels.dtype.kind == "f":  # OpenCV does not know all float types
        pixels = pixels.astype(np.float32, copy=False)
    size = reduced_size(Size(*pixels.shape[:2]), side)
    smaller = np.asarray(cv2.resize(pixels, (size.width, size.height), interpolation=cv2.INTER_AREA))
    # The average of ones can exceed one by a rounding error.
    return unit_range(smaller).clip(0, 1).reshape(size.height, size.width, pixels.shape[2])


def reduced_size(size: Size, side: int) -> Size:
    """Returns the size of a picture that is reduced to a shorter side.

    Args:
        size: Size of the picture, pixels.
        side: The shorter side of the smaller picture, pixels.
    """
    shorter = min(size.height, size.width)
    return Size(round(size.height * side / shorter), round(size.width * side / shorter))


def to_finest_size(pixels: NDArray[Any], side: SideChoice) -> NDArray[Any]:
    """Brings a picture to the finest size at which it is restored.

    Args:
        pixels: The picture, H×W×3 RGB, as for `restore_tiled`.
        side: The working side.

    Returns:
        The same array if it has this size, else a smaller picture, float32 in 0–1.

    Raises:
        InputError: `restore_tiled` does not take such values.
    """
    check_values(pixels)
    if side == "full":
        return pixels
    if side != "auto":
        return reduced(pixels, side)
    smaller = reduced(pixels, FINEST_SIDE)
    return reduced(smaller, _detailed_side(smaller))


def coarser_sides(finest: int) -> list[tuple[int, float]]:
    """Returns the sides at which a picture is restored after the finest one, the finer first.

    Args:
        finest: The finest side, pixels.

    Returns:
        Each side in pixels, with the share of its change that counts, above 0 and up to 1. The share rises
        with the ratio of the sides, so that no result jumps where a side is added.
    """
    sides: list[tuple[int, float]] = []
    side = float(USUAL_SIDE)
    while round(side) < finest:
        sides.insert(0, (round(side), min((finest / side - 1) / (FADE_IN - 1), 1.0)))
        side *= SIDE_RATIO
    return sides


def _detailed_side(pixels: NDArray[Any]) -> int:
    """Returns the least side that keeps a picture's detail, from USUAL_SIDE to the picture's own.

    Many photos are softer than their number of pixels. Rain cannot be finer than the softness in them, and
    the networks take soft edges for rain.
    """
    own = min(pixels.shape[:2])
    finer = int(own / LEAST_REDUCTION)
    if finer <= USUAL_SIDE:
        return own
    import cv2

    grey = cv2.cvtColor(unit_range(pixels), cv2.COLOR_RGB2GRAY)
    if _is_detail_lost(grey, finer):
        return own
    coarser = USUAL_SIDE
    if not _is_detail_lost(grey, coarser):
        return coarser
    while finer > 1.02 * coarser:
        middle = round((coarser * finer) ** 0.5)
        if _is_detail_lost(grey, middle):
            coarser = middle
        else:
            finer = middle
    return finer


def _is_detail_lost(grey: NDArray[np.float32], side: int) -> bool:
    """Returns whether too many pixels of a grey picture, H×W in 0–1, differ at a smaller size."""
    import cv2

    smaller = reduced(grey[..., None], side)
    enlarged = cv2.resize(smaller, grey.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return bool((np.abs(grey - enlarged) > VISIBLE).mean() > DETAILED_SHARE)
