"""Adds rain to a clean photo. Mist comes first, then falling rain, then drops on the lens."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.errors import InputError, UsageError
from deraincli.rain.drop_styles import drop_style, magnified
from deraincli.rain.drops import add_drops
from deraincli.rain.mist import add_mist
from deraincli.rain.perspective_streaks import perspective_rain
from deraincli.rain.streaks import Blend, Layer, add_rain, heavy_rain

Kind = Literal["streak", "drop", "both"]

COMMON_SIDE = 400
"""Shorter side, in pixels, of the pictures for which rain has its nominal size.

The data sets of the field have pictures of about this size. In larger pictures the rain is larger in
proportion, as if the same scene had been taken with more pixels.
"""
LONGEST_SIDE = 30_000
"""Largest accepted side in pixels. OpenCV cannot remap much larger pictures."""


@dataclass(frozen=True)
class Recipe:
    """Kind and strength of the rain to add."""

    kind: Kind
    """Streaks, drops on the lens or both."""
    heavy: bool = False
    """Whether streaks resemble those of Rain200H rather than Rain100L."""
    blend: Blend = "add"
    """How streaks and scene are blended."""
    veil: float = 0.0
    """Density of the mist in the scene, 0–1."""

    def __post_init__(self) -> None:
        """Checks the veil.

        Raises:
            UsageError: The veil is out of range.
        """
        if not 0 <= self.veil <= 1:
            raise UsageError(f"The veil is a density from 0 to 1, not {self.veil:g}.")


def synthesise(
    clean: NDArray[np.uint8], recipe: Recipe, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Adds rain to a photo.

    Args:
        clean: The photo, H×W×3 RGB.
        recipe: Kind and strength of the rain.
        rng: Source of all randomness.

    Returns:
        The rainy photo H×W×3, and the amount of rain, H×W in 0–1. Where the amount is 0, the photo is
        unchanged. For streaks without a veil, the amount is the streak layer R in whole 255ths.

    Raises:
        InputError: A side is longer than 30,000 pixels.
    """
    if max(clean.shape) > LONGEST_SIDE:
        raise InputError(f"Rain is only drawn up to {LONGEST_SIDE} pixels a side: make the photo smaller.")
    factor = max(1.0, min(clean.shape[:2]) / COMMON_SIDE)
    rainy, mask = add_mist(clean, recipe.veil, rng)
    if recipe.kind != "drop":
        layer = _streaks(clean.shape[0], clean.shape[1], factor, recipe, rng)
        rainy = add_rain(rainy, layer, recipe.blend)
        mask = 1 - (1 - mask) * (1 - layer)
    if recipe.kind != "streak":
        rainy, wet = add_drops(rainy, rng, magnified(drop_style(rng), factor))
        mask = 1 - (1 - mask) * (1 - wet)
    return rainy, mask


def _streaks(height: int, width: int, factor: float, recipe: Recipe, rng: np.random.Generator) -> Layer:
    """Draws the streak layer R, in whole 255ths. Heavy rain is drawn at the common size and enlarged."""
    if not recipe.heavy:
        layer = perspective_rain(height, width, rng, scale=factor)
    else:
        layer = heavy_rain(ceil(height / factor), ceil(width / factor), rng)
        if factor > 1:
            layer = cv2.resize(layer, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.divide(np.rint(layer * 255), 255, dtype=np.float32)
