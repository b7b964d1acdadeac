"""Pictures as a screen or a page shows them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.imaging.colour import grey_to_rgb
from deraincli.imaging.encode import fit_to_format
from deraincli.imaging.image import Image


def to_display_rgb(image: Image) -> NDArray[np.uint8]:
    """The picture as H×W×3 uint8 in sRGB, without its transparency."""
    # BMP is the format that holds just this.
    pixels = fit_to_format(replace(image, alpha=None), "BMP").pixels
    return grey_to_rgb(pixels) if pixels.shape[2] == 1 else pixels.astype(np.uint8, copy=False)


def shrink_to(pixels: NDArray[Any], longest_side: int) -> NDArray[Any]:
    """H×W or H×W×C of any dtype, made smaller where a side is longer than `longest_side`."""
    height, width = pixels.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # OpenCV drops a single channel.
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], *pixels.shape[2:])
