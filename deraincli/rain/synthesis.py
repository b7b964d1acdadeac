"""A clean photo to a rainy one: mist, then falling rain, then drops on the lens."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.errors import InputError, UsageError
from deraincli.rain.drops import add_drops, drop_style, magnified
from deraincli.rain.mist import add_mist
from deraincli.rain.streaks import Blend, Layer, add_rain, heavy_rain, light_rain

Kind = Literal["streak", "drop", "both"]

COMMON_SIDE = 400
"""Rain has the size it has in pictures with this shorter side, as those of the field's sets are; in larger
ones it is larger in proportion, as if the same scene had been taken with more pixels."""
LONGEST_SIDE = 30_000
"""OpenCV cannot remap pictures that are much larger."""


@dataclass(frozen=True)
class Recipe:
    """Which rain."""

    kind: Kind
    heavy: bool = False
    """Streaks like Rain200H's rather than Rain100L's."""
    blend: Blend = "add"
    """How streaks and scene are mixed."""
    veil: float = 0.0
    """Density of the mist in the scene, 0–1."""

    def __post_init__(self) -> None:
        """Raises UsageError for a veil out of range."""
        if not 0 <= self.veil <= 1:
            raise UsageError(f"The veil is a density from 0 to 1, not {self.veil:g}.")


def synthesise(
    clean: NDArray[np.uint8], recipe: Recipe, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Rain on a photo.

    Args:
        clean: H×W×3 RGB.
        recipe: Which rain.
        rng: Draws everything that is left to chance.

    Returns:
        The rainy photo H×W×3, and how much rain there is, H×W in 0–1: the photo is unchanged where it is 0.
        For streaks without a veil that is the rain layer R itself, in whole 255ths.

    Raises:
        InputError: a side is longer than 30,000 pixels.
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
    """R in whole 255ths, drawn at the common size and enlarged."""
    draw = heavy_rain if recipe.heavy else light_rain
    layer = draw(ceil(height / factor), ceil(width / factor), rng)
    if factor > 1:
        layer = cv2.resize(layer, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.divide(np.rint(layer * 255), 255, dtype=np.float32)
