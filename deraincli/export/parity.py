"""How far an exported model's answers are from PyTorch's, on real photos with rain drawn over them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from deraincli.export.formats import Run
from deraincli.geometry import round_up
from deraincli.rain.streaks import add_rain, light_rain

PHOTOS = ("astronaut", "coffee", "chelsea")
"""Photos that come with scikit-image, of three sizes; those of `examples/`."""


class Difference(NamedTuple):
    """Between two answers to the same pictures, in units of the 0–1 range."""

    maximum: float
    mean: float
    pictures: int


def rainy_photos() -> Iterator[NDArray[np.uint8]]:
    """Every photo of PHOTOS under light rain, H×W×3 RGB, the same each time."""
    import skimage.data

    for seed, name in enumerate(PHOTOS):
        clean = getattr(skimage.data, name)()
        height, width = clean.shape[:2]
        yield add_rain(clean, light_rain(height, width, np.random.default_rng(seed)))


def difference(network: nn.Module, run: Run, pictures: Iterable[NDArray[Any]], multiple: int) -> Difference:
    """Compares `run` with the fp32 network, both on the CPU, on whole pictures H×W×3 (uint8 or uint16)."""
    maxima, means = [], []
    for picture in pictures:
        rainy = as_batch(picture, multiple)
        with torch.inference_mode():
            expected = network(torch.from_numpy(rainy)).image.numpy()
        gap = np.abs(run(rainy) - expected)
        maxima.append(gap.max())
        means.append(gap.mean())
    return Difference(float(np.max(maxima)), float(np.mean(means)), len(means))  # NaN stays NaN


def as_batch(picture: NDArray[Any], multiple: int) -> NDArray[np.float32]:
    """H×W×3 of integers to 1×3×H'×W' in 0–1, mirrored at the bottom and right to sides of a multiple."""
    missing = [round_up(side, multiple) - side for side in picture.shape[:2]]
    padded = np.pad(picture, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="reflect")
    rainy = padded.astype(np.float32) / np.iinfo(picture.dtype).max
    return np.ascontiguousarray(rainy.transpose(2, 0, 1)[None])
