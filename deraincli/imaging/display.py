"""Converts pictures for display on a screen or in a report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.imaging.colour import as_rgb
from deraincli.imaging.encode import fit_to_format
from deraincli.imaging.image import Image


def to_display_rgb(image: Image) -> NDArray[np.uint8]:
    """Converts a picture to 8-bit sRGB without transparency.

    Args:
        image: The picture.

    Returns:
        H×W×3 RGB, uint8.
    """
    # BMP holds 8 bits without a profile or alpha, so fitting to it converts all three.
    pixels = fit_to_format(replace(image, alpha=None), "BMP").pixels
    return as_rgb(pixels).astype(np.uint8, copy=False)


def shrink_to(pixels: NDArray[Any], longest_side: int) -> NDArray[Any]:
    """Shrinks pixels so that no side is longer than `longest_side`.

    Args:
        pixels: H×W or H×W×C of any dtype.
        longest_side: Largest allowed side in pixels.

    Returns:
        The smaller array, or the same one if it already fits.
    """
    height, width = pixels.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # The reshape restores a single channel, which OpenCV drops.
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], *pixels.shape[2:])
