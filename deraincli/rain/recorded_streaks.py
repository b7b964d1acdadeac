"""Random crops of recorded streak layers (input − target of real training pairs)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.errors import InputError
from deraincli.rain.random_crops import random_view
from deraincli.rain.random_numbers import log_uniform
from deraincli.rain.streaks import Layer


class RecordedLayers:
    """Recorded streak layers, from which mirrored, rotated, resized and weakened crops are drawn."""

    def __init__(self, folder: Path) -> None:
        """Reads every PNG of a folder.

        Args:
            folder: The folder of streak layers.

        Raises:
            InputError: The folder has no PNG, or one cannot be read.
        """
        self.layers = read_layers(folder)

    def sample(self, height: int, width: int, rng: np.random.Generator, *, heavy: bool) -> Layer:
        """Draws a crop of a layer.

        Light rain keeps only what exceeds a high level of the heavy recording, and weakens it.

        Args:
            height: Height of the crop in pixels.
            width: Width of the crop in pixels.
            rng: Source of randomness.
            heavy: Whether the rain is heavy.

        Returns:
            The crop, height×width, float32, 0–1 of full scale.
        """
        source = self.layers[int(rng.integers(len(self.layers)))]
        crop = random_view(source, height, width, rng, tilt=6, scales=(0.6, 2.2))
        layer = crop.astype(np.float32) / np.float32(255)
        if heavy:
            return np.minimum(layer * np.float32(rng.uniform(0.5, 1.1)), np.float32(1))
        floor, top = np.quantile(layer, [1 - rng.uniform(0.1, 0.4), 0.99])
        peak = log_uniform(rng, 0.08, 0.55)
        return np.clip((layer - floor) / max(top - floor, 0.05) * peak, 0, 1).astype(np.float32)


def read_layers(folder: Path) -> list[NDArray[np.uint8]]:
    """Reads every PNG of a folder as grey.

    Args:
        folder: The folder of streak layers.

    Returns:
        The layers, each H×W, in the order of their names.

    Raises:
        InputError: The folder has no PNG, or one cannot be read.
    """
    found = folder.glob("*.png")
    paths = sorted(path for path in found if path.is_file() and not path.name.startswith("."))
    if not paths:
        raise InputError(f"No rain layers (*.png) in {folder}.")
    return [_read(path) for path in paths]


def _read(path: Path) -> NDArray[np.uint8]:
    layer = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if layer is None:
        raise InputError(f"{path} cannot be read as a rain layer; remove it from the folder.")
    return layer
