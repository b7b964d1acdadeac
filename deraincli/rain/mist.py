"""Mist as a model of distant rain. Air light veils the scene (Koschmieder's law) with varying density."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def add_mist(
    clean: NDArray[np.uint8], density: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Adds mist to a picture. The result is t · B + (1 − t) · A with a grey A.

    Args:
        clean: The picture B, H×W×3.
        density: Largest 1 − t, 0–1. 0 leaves the picture unchanged.
        rng: Draws A and the distribution of the mist.

    Returns:
        The misty picture H×W×3, and the share of each pixel's light that is mist, H×W in 0–density.
    """
    height, width = clean.shape[:2]
    places = cv2.resize(rng.uniform(0.4, 1, (4, 4)), (width, height), interpolation=cv2.INTER_LINEAR)
    share = (density * places).astype(np.float32)
    light = float(rng.uniform(150, 235))
    misty = clean + share[..., None] * (light - clean.astype(np.float32))
    return np.rint(misty).astype(np.uint8), share
