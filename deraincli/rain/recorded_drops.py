"""Drops on the lens taken from real pairs, and put before other scenes.

A pane changes a scene B to I = transmission · B + light, in linear light (see `deraincli.rain.drops`). Of
a pair both pictures are known; what the pane lets through is how much of the scene's detail is left around
a pixel, by linear regression in a window as in the guided filter (He et al., ECCV 2010). Where the scene
has no detail, which tells nothing, the pane counts as clear and its light as added.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from deraincli.rain.linear_light import Pixels, Plane, displayed, linear
from deraincli.rain.random_crops import random_view

WINDOW = 6.0
"""Sigma of the Gaussian window, pixels."""
DETAIL = 2e-3
"""Variance of linear light against which the scene's counts as detail."""
SMOOTHNESS = 2.0
"""Sigma of what keeps the scene's own detail, where a pair is not quite aligned, out of the pane, pixels."""


class RecordedDrops:
    """Panes of real pairs, of which crops are drawn: mirrored, turned, resized, of other light and tint."""

    def __init__(self, pairs: Iterable[tuple[Pixels, ...]]) -> None:
        """`pairs`: rainy and clean pictures H×W×3 RGB. Each takes 4·H·W bytes from then on."""
        self._panes = [_pane(linear(rainy), linear(clean)) for rainy, clean in pairs]

    def add(self, clean: Pixels, rng: np.random.Generator) -> Pixels:
        """A picture H×W×3 RGB behind a random pane."""
        pane = self._panes[int(rng.integers(len(self._panes)))]
        height, width = clean.shape[:2]
        view = random_view(pane, height, width, rng, tilt=8, scales=(0.6, 1.6))
        brightness = np.exp(rng.uniform(np.log(0.6), np.log(1.6)))
        warmth = rng.uniform(0, 0.5) if rng.random() < 0.3 else rng.normal(0, 0.07)
        tint = np.float32(brightness * np.array([1 + warmth, 1, 1 - warmth]))
        return displayed(linear(view[..., :1]) * linear(clean) + linear(view[..., 1:]) * tint)


def _pane(rainy: Plane, clean: Plane) -> Pixels:
    """Transmission and the light of the drops, H×W×4 as a picture shows them, from a pair in linear light."""
    seen, scene = rainy.mean(2), clean.mean(2)
    mean_seen, mean_scene = _around(seen), _around(scene)
    shared = _around(seen * scene) - mean_seen * mean_scene
    variance = _around(scene * scene) - mean_scene * mean_scene
    transmission = np.clip((shared + DETAIL) / (variance + DETAIL), 0, 1)
    # No more comes through than is seen: drops darker than the scene are opaque, even if it has no detail.
    smooth_seen, smooth_scene = (cv2.GaussianBlur(view, (0, 0), SMOOTHNESS) for view in (rainy, clean))
    darkening = ((smooth_seen + 0.02) / (smooth_scene + 0.02)).min(2)
    transmission = cv2.GaussianBlur(np.minimum(transmission, darkening), (0, 0), SMOOTHNESS)
    light = cv2.GaussianBlur(rainy - transmission[..., None] * clean, (0, 0), SMOOTHNESS)
    return displayed(np.dstack([transmission, light]))


def _around(values: Plane) -> Plane:
    return cv2.GaussianBlur(values, (0, 0), WINDOW)
