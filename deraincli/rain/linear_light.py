"""Pictures as linear light and back, near enough to sRGB's curve: by a square and its root."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]


def linear(picture: Pixels) -> Plane:
    """8-bit values of any shape to shares of white, 0–1."""
    return np.square(picture.astype(np.float32) / 255)


def displayed(light: Plane) -> Pixels:
    """Shares of white to 8-bit values; what is outside 0–1 is clipped."""
    return cv2.convertScaleAbs(np.sqrt(np.clip(light, 0, 1)), alpha=255)
