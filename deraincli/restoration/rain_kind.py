"""Recognises which rain a picture shows: streaks, drops on the lens, both or neither.

A small convolutional network judges every cell of 32×32 pixels. It was trained on synthetic rain of all kinds
and on clean photos (`examples/training/rain_classifier.py`). It runs in NumPy, so that all backends can use
it.
"""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from deraincli.files.locations import weights_folder
from deraincli.inference.tiled import RainKinds, unit_range
from deraincli.inference.working_size import USUAL_SIDE, reduced
from deraincli.pixels import Floats

CLASSIFIER_FILE = "rain-classifier.safetensors"
"""The classifier's weights, in the folder of the weights."""
LAYERS = ((16, 2), (24, 2), (32, 2), (48, 1), (64, 2), (64, 1), (96, 2))
"""Output channels and stride of every 3×3 convolution."""
CELL = 32
"""Side of a cell in pixels: the product of the strides."""
JUDGED_AS_IT_IS = 1.5 * USUAL_SIDE
"""Shorter side in pixels up to which a picture is judged at its own size."""
TOP_SHARE = 0.25
"""Share of the cells, those with the most rain, whose mean is the result, 0–1.

Drops often cover only a part of a picture.
"""


class RainClassifier:
    """The network in NumPy."""

    def __init__(self, weights: Path) -> None:
        """Reads the weights.

        Args:
            weights: A safetensors file that `examples/training/rain_classifier.py` wrote.
        """
        tensors = {name: tensor.astype(np.float32) for name, tensor in load_file(weights).items()}
        self._layers = [
            (
                tensors[f"layers.{index}.weight"].transpose(2, 3, 1, 0).reshape(-1, width).copy(),
                tensors[f"layers.{index}.bias"],
                stride,
            )
            for index, (width, stride) in enumerate(LAYERS)
        ]
        self._head = tensors["head.weight"].T.copy(), tensors["head.bias"]

    def values(self) -> Floats:
        """Returns all weights in one row: weight and bias of every layer, then of the head.

        The weights of a layer are in the order row, column, input channel, output channel.
        """
        pairs = [(weight, bias) for weight, bias, _ in self._layers] + [self._head]
        return np.concatenate([values.ravel() for pair in pairs for values in pair])

    def __call__(self, pixels: NDArray[Any]) -> RainKinds:
        """Judges a picture. A large picture is first reduced to the usual working size.

        Args:
            pixels: The picture, H×W×3 or H×W×1, of uint8, uint16, or floats in 0–1.

        Returns:
            The probability of each kind of rain.
        """
        picture = unit_range(at_judged_size(pixels))
        colours = np.broadcast_to(picture, (*picture.shape[:2], 3))
        probabilities = 1 / (1 + np.exp(-self.logits(colours).reshape(-1, 2)))
        count = ceil(TOP_SHARE * len(probabilities))
        return RainKinds(*np.sort(probabilities, axis=0)[-count:].mean(0).tolist())

    def logits(self, picture: Floats) -> Floats:
        """Runs the network.

        Args:
            picture: The picture, H×W×3 in 0–1.

        Returns:
            The logits of streaks and of drops in every cell, ⌈H/32⌉×⌈W/32⌉×2.
        """
        features: Floats = picture - np.float32(0.5)
        for weight, bias, stride in self._layers:
            features = np.maximum(_convolve(features, weight, stride) + bias, 0)
        head, bias = self._head
        return features @ head + bias


def at_judged_size(pixels: NDArray[Any]) -> NDArray[Any]:
    """Returns a picture at the size at which its rain is judged: a large one is reduced to the usual side.

    Args:
        pixels: The picture, H×W×3 or H×W×1.
    """
    return reduced(pixels, USUAL_SIDE) if min(pixels.shape[:2]) > JUDGED_AS_IT_IS else pixels


def shipped_classifier() -> RainClassifier:
    """Returns the classifier that the package contains."""
    return RainClassifier(weights_folder() / CLASSIFIER_FILE)


def _convolve(features: Floats, weight: Floats, stride: int) -> Floats:
    """A 3×3 convolution with a border of zeros: features H×W×C, weight 9C×D."""
    padded = np.pad(features, ((1, 1), (1, 1), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))[::stride, ::stride]
    rows, columns = patches.shape[:2]
    return (patches.transpose(0, 1, 3, 4, 2).reshape(rows * columns, -1) @ weight).reshape(rows, columns, -1)
