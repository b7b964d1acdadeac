"""Extracts drops on the lens from real pairs and adds them to other scenes.

A pane changes a scene B to I = transmission · B + light, in linear light (see `deraincli.rain.drops`). In a
pair, both pictures are known. The transmission is the share of the scene's detail that is left around a
pixel, found by linear regression in a window as in the guided filter (He et al., ECCV 2010). Where the scene
has no detail, the transmission is unknown. There the pane counts as clear and its light as added.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from deraincli.pixels import Floats, Picture
from deraincli.rain.linear_light import displayed, linear
from deraincli.rain.random_crops import random_view
from deraincli.rain.random_numbers import log_uniform

WINDOW = 6.0
"""Sigma of the Gaussian window in pixels."""
DETAIL = 2e-3
"""Variance of linear light above which the scene counts as detailed."""
SMOOTHNESS = 2.0
"""Sigma in pixels of the blur that keeps the detail of misaligned pairs out of the pane."""


class RecordedDrops:
    """Panes of real pairs, from which varied crops are drawn.

    Crops are mirrored, rotated and resized, and their light changes in brightness and tint.
    """

    def __init__(self, pairs: Iterable[tuple[Picture, ...]]) -> None:
        """Extracts the panes of all pairs.

        Args:
            pairs: Rainy and clean pictures, H×W×3 RGB. Each pair takes 4·H·W bytes afterwards.
        """
        self._panes = [_pane(linear(rainy), linear(clean)) for rainy, clean in pairs]

    def add(self, clean: Picture, rng: np.random.Generator) -> Picture:
        """Adds a random pane to a picture.

        Args:
            clean: The picture, H×W×3 RGB.
            rng: Source of randomness.

        Returns:
            The picture behind the pane, H×W×3 RGB.
        """
        pane = self._panes[int(rng.integers(len(self._panes)))]
        height, width = clean.shape[:2]
        view = random_view(pane, height, width, rng, tilt=8, scales=(0.6, 1.6))
        brightness = log_uniform(rng, 0.6, 1.6)
        warmth = rng.uniform(0, 0.5) if rng.random() < 0.3 else rng.normal(0, 0.07)
        tint = np.float32(brightness * np.array([1 + warmth, 1, 1 - warmth]))
        return displayed(linear(view[..., :1]) * linear(clean) + linear(view[..., 1:]) * tint)


def _pane(rainy: Floats, clean: Floats) -> Picture:
    """Estimates the transmission and the light of the drops from a pair in linear light.

    Returns:
        8-bit H×W×4 in display values, the transmission first.
    """
    seen, scene = rainy.mean(2), clean.mean(2)
    mean_seen, mean_scene = _around(seen), _around(scene)
    shared = _around(seen * scene) - mean_seen * mean_scene
    variance = _around(scene * scene) - mean_scene * mean_scene
    transmission = np.clip((shared + DETAIL) / (variance + DETAIL), 0, 1)
    # The pane transmits no more than is seen. Dark drops are opaque even where the scene has no detail.
    smooth_seen, smooth_scene = (cv2.GaussianBlur(view, (0, 0), SMOOTHNESS) for view in (rainy, clean))
    darkening = ((smooth_seen + 0.02) / (smooth_scene + 0.02)).min(2)
    transmission = cv2.GaussianBlur(np.minimum(transmission, darkening), (0, 0), SMOOTHNESS)
    light = cv2.GaussianBlur(rainy - transmission[..., None] * clean, (0, 0), SMOOTHNESS)
    return displayed(np.dstack([transmission, light]))


def _around(values: Floats) -> Floats:
    return cv2.GaussianBlur(values, (0, 0), WINDOW)
