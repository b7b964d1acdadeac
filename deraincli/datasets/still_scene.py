"""Ground truth from a static camera: the median over time of a still scene, masked where it moves.

A streak covers a pixel in one frame and is gone in the next, so the median over many frames holds no rain.
Mist, splashes and wet surfaces stay in it, and it holds less noise than any frame. So a PSNR against it can
also reward smoothing: compare it with that of a slightly blurred frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.errors import InputError
from deraincli.pixels import Pixels

FEWEST = 9
"""Smallest number of frames. With fewer, one spot can hold rain in half of them."""
TOLERANCE = 8.0
"""Largest change of a still scene, in levels of 255, averaged over the window."""
WINDOW = 9
"""Side in pixels of the square over which changes are averaged, so that noise does not count as movement."""


@dataclass(frozen=True, eq=False)
class StillScene:
    """A scene without rain."""

    pixels: Pixels
    """The median over time, H×W×3 uint8."""
    still: NDArray[np.bool_]
    """H×W, where nothing but rain moved. Only there are the pixels ground truth."""


def still_scene(frames: Sequence[Pixels]) -> StillScene:
    """Finds the scene behind the rain in frames of a camera that does not move.

    Rain only brightens, and only for a frame. So a place moves if the median of the first half of the frames
    differs from that of the second half, or if a quarter of the frames is clearly darker than the median.

    Args:
        frames: At least FEWEST frames in order, each H×W×3 uint8.

    Returns:
        The scene.

    Raises:
        InputError: There are too few frames, or nothing is still in them.
    """
    if len(frames) < FEWEST:
        raise InputError(f"{len(frames)} frames are too few for a median over time: take at least {FEWEST}.")
    stack = np.stack(frames)
    median = np.asarray(np.median(stack, 0))
    half = len(frames) // 2
    drift = np.abs(np.median(stack[:half], 0) - np.median(stack[half:], 0))
    dips = median - np.percentile(stack, 25, axis=0)
    moved = _smooth(np.maximum(drift, dips).max(2)) > TOLERANCE
    still = ~cv2.dilate(moved.astype(np.uint8), np.ones((WINDOW, WINDOW), np.uint8)).astype(bool)
    if not still.any():
        raise InputError("Nothing is still in these frames: take a part of a video from a static camera.")
    return StillScene(np.round(median).astype(np.uint8), still)


def _smooth(change: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(cv2.blur(change.astype(np.float32), (WINDOW, WINDOW)), np.float32)
