"""Simulates shallow focus: sharp in one place and blurred in another, which few training photos show."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.rain.linear_light import displayed, linear
from deraincli.rain.random_numbers import log_uniform

LEAST_RADIUS, LARGEST_RADIUS = 1.5, 12.0
"""Range of the radius of the blur circle, in pixels."""


def out_of_focus(clean: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Blurs a part of a picture, or all of it, like a lens that is focused elsewhere.

    Args:
        clean: H×W×3 RGB.
        rng: Source of randomness.

    Returns:
        The blurred picture, H×W×3.
    """
    height, width = clean.shape[:2]
    radius = log_uniform(rng, LEAST_RADIUS, LARGEST_RADIUS)
    reach = np.arange(-np.ceil(radius), np.ceil(radius) + 1, dtype=np.float32)
    circle = np.clip(radius + 0.5 - np.hypot(reach[:, None], reach[None]), 0, 1)
    light = linear(clean)
    blurred = cv2.filter2D(light, -1, circle / circle.sum(), borderType=cv2.BORDER_REFLECT)
    where = cv2.resize(rng.uniform(-1, 2, (3, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
    light += np.clip(where, 0, 1, dtype=np.float32)[..., None] * (blurred - light)
    return displayed(light)
