"""The veil of distant rain: air light over the scene (Koschmieder's law), denser in places."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def add_mist(
    clean: NDArray[np.uint8], density: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """t · B + (1 − t) · A with a grey A, and 1 − t.

    Args:
        clean: H×W×3.
        density: largest 1 − t, 0–1; 0 leaves the picture as it is.
        rng: draws A and where the mist is.

    Returns:
        The misty picture H×W×3, and the share of each pixel's light that is mist, H×W in 0–density.
    """
    height, width = clean.shape[:2]
    places = cv2.resize(rng.uniform(0.4, 1, (4, 4)), (width, height), interpolation=cv2.INTER_LINEAR)
    share = (density * places).astype(np.float32)
    light = float(rng.uniform(150, 235))
    misty = clean + share[..., None] * (light - clean.astype(np.float32))
    return np.rint(misty).astype(np.uint8), share
