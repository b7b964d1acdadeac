"""Converts pictures to linear light and back. A square approximates sRGB's curve."""

from __future__ import annotations

import cv2
import numpy as np

from deraincli.pixels import Floats, Picture


def linear(picture: Picture) -> Floats:
    """Converts a picture to linear light.

    Args:
        picture: 8-bit values of any shape.

    Returns:
        Linear shares of white, 0–1, of the same shape.
    """
    return np.square(picture.astype(np.float32) / 255)


def displayed(light: Floats) -> Picture:
    """Converts linear light to a picture.

    Args:
        light: Linear shares of white of any shape. Values outside 0–1 are clipped.

    Returns:
        8-bit values of the same shape.
    """
    return cv2.convertScaleAbs(np.sqrt(np.clip(light, 0, 1)), alpha=255)
