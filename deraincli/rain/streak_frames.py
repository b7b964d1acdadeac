"""Streak layers made like those of Rain100L, from sheared and resized frames of a rendered clip.

Every layer of Rain100L and Rain200L is a frame of Garg and Nayar's rendered rain, sheared to one of eleven
slants, resized to the photo's size regardless of its shape, and scaled by 219/255. This is not published. It
was measured by matching the layers with the frames (correlation of at least 0.999).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deraincli.errors import InputError
from deraincli.rain.random_numbers import log_uniform
from deraincli.rain.recorded_streaks import read_layers
from deraincli.rain.streaks import Layer

PEAK = 219 / 255
"""What a white pixel of a frame adds to the picture, 0–1 of full scale."""
LANDSCAPE = (321, 481)
"""Height and width of the benchmark's landscape photos, pixels; portrait photos have them swapped."""
LANDSCAPE_SHARE = 0.7
"""Share of the layers that are resized as for a landscape photo, 0–1."""
STEEPEST = 0.5
"""Largest shear of the benchmark, pixels across for each pixel down, either way."""
STEP_SHARE = 0.7
"""Share of the layers whose shear is a whole step of 0.1, as in the benchmark; others lie between, 0–1."""
NEAR_SIZE = (0.75, 1.6)
"""Range of the size of rain for a part of the layers, relative to the benchmark's."""
NEAR_SHARE = 0.3
"""Share of the layers whose rain has a size in NEAR_SIZE, 0–1."""
FAR_SIZE = (0.5, 3.0)
"""Range of the size of rain in pictures of other sizes."""
FAR_SHARE = 0.1
"""Share of the layers whose rain has a size in FAR_SIZE, 0–1."""
WEAKENED_SHARE = 0.3
"""Share of the layers that are scaled by 0.5 to 1.15, 0–1."""
SUMMED_SHARE = 0.12
"""Share of the layers that are the sum of two frames, 0–1."""


class StreakFrames:
    """Frames of rendered rain, from which crops of layers are drawn."""

    def __init__(self, folder: Path) -> None:
        """Reads every PNG of a folder.

        Args:
            folder: The folder of frames.

        Raises:
            InputError: The folder has no PNG, or one cannot be read or is too narrow to be sheared.
        """
        self.frames = read_layers(folder)
        for height, width in (frame.shape for frame in self.frames):
            if width < 2 * STEEPEST * height:
                raise InputError(
                    f"A frame of rain in {folder} is {width}×{height}, too narrow to be slanted: take frames "
                    "that are at least as wide as high."
                )

    def sample(self, height: int, width: int, rng: np.random.Generator) -> Layer:
        """Draws a crop of a layer.

        Args:
            height: Height of the crop in pixels.
            width: Width of the crop in pixels.
            rng: Source of randomness.

        Returns:
            The crop, height×width, float32, 0–1 of full scale.
        """
        layer = self._crop(height, width, rng)
        if rng.random() < SUMMED_SHARE:
            layer += self._crop(height, width, rng)
        strength = rng.uniform(0.5, 1.15) if rng.random() < WEAKENED_SHARE else 1.0
        return np.minimum(layer * np.float32(strength * PEAK / 255), np.float32(1))

    def _crop(self, height: int, width: int, rng: np.random.Generator) -> Layer:
        frame = self.frames[int(rng.integers(len(self.frames)))]
        if rng.random() < STEP_SHARE:
            slant = int(rng.integers(-5, 6)) / 10
        else:
            slant = float(rng.uniform(-STEEPEST, STEEPEST))
        sheared = shear(frame, slant)
        full = np.array(LANDSCAPE if rng.random() < LANDSCAPE_SHARE else LANDSCAPE[::-1])
        full = np.maximum(full * rain_size(rng), (height, width))
        y, x = rng.uniform(0, full - (height, width))
        per_row, per_column = np.array(sheared.shape) / full
        box = (x * per_column, y * per_row, (x + width) * per_column, (y + height) * per_row)
        crop = Image.fromarray(sheared).resize((width, height), Image.Resampling.BILINEAR, box=box)
        layer = np.asarray(crop, np.float32)
        return layer[:, ::-1].copy() if rng.random() < 0.5 else layer.copy()


def shear(frame: NDArray[np.uint8], slant: float) -> NDArray[np.uint8]:
    """Slants the rain of a frame without empty corners.

    Args:
        frame: Grey rain, H×W.
        slant: Pixels by which each row is shifted relative to the row above. Positive slants to the right.

    Returns:
        The slanted frame, H×(W − |slant|·H).
    """
    height, width = frame.shape
    kept = width - round(abs(slant) * height)
    start = max(slant, 0) * height
    matrix = np.array([[1, -slant, start], [0, 1, 0]])  # from a pixel of the result to one of the frame
    return cv2.warpAffine(
        frame,
        matrix,
        (kept, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def rain_size(rng: np.random.Generator) -> float:
    """Draws the size of the rain relative to the benchmark's: 1 for most layers, 0.5–3 for the others.

    Args:
        rng: Source of randomness.

    Returns:
        The size, above 0.
    """
    choice = rng.random()
    if choice < FAR_SHARE:
        return log_uniform(rng, *FAR_SIZE)
    return float(rng.uniform(*NEAR_SIZE)) if choice < FAR_SHARE + NEAR_SHARE else 1.0
