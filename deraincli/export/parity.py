"""Compares an exported model with PyTorch, on real photos with synthetic rain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress
from deraincli.export.formats import RunExport
from deraincli.geometry import round_up
from deraincli.models.base import RestorationNetwork
from deraincli.rain.streaks import add_rain, light_rain

PHOTOS = ("astronaut", "coffee", "chelsea")
"""Photos of scikit-image in three sizes. `examples/` uses the same photos."""


class Difference(NamedTuple):
    """Absolute difference of two results for the same pictures, on the 0–1 range."""

    maximum: float
    """Largest difference of any sample."""
    mean: float
    """Mean over the pictures of each picture's mean difference."""
    pictures: int
    """Number of pictures compared."""


def rainy_photos() -> Iterator[NDArray[np.uint8]]:
    """Draws light rain over each photo of PHOTOS. The result is the same on every call.

    Yields:
        The rainy photo, H×W×3 RGB.
    """
    import skimage.data

    for seed, name in enumerate(PHOTOS):
        clean = getattr(skimage.data, name)()
        height, width = clean.shape[:2]
        yield add_rain(clean, light_rain(height, width, np.random.default_rng(seed)))


def difference(
    network: RestorationNetwork,
    run: RunExport,
    pictures: Sequence[NDArray[Any]],
    multiple: int,
    on_progress: OnProgress | None = None,
) -> Difference:
    """Compares an export with its fp32 network on whole pictures, both on the CPU.

    Args:
        network: The network in fp32.
        run: Runs the export.
        pictures: Rainy pictures H×W×3, uint8 or uint16.
        multiple: Sides of the network's input are multiples of this.
        on_progress: Receives the number of compared pictures and of all.

    Returns:
        The largest and the mean absolute difference, and the number of pictures.
    """
    maxima, means = [], []
    for picture in pictures:
        rainy = as_batch(picture, multiple)
        with torch.inference_mode():
            expected = network(torch.from_numpy(rainy)).image.numpy()
        gap = np.abs(run(rainy) - expected)
        maxima.append(gap.max())
        means.append(gap.mean())
        if on_progress:
            on_progress(len(means), len(pictures))
    return Difference(float(np.max(maxima)), float(np.mean(means)), len(means))  # NaN is kept


def as_batch(picture: NDArray[Any], multiple: int) -> NDArray[np.float32]:
    """Converts a picture to a network's input.

    Args:
        picture: H×W×3 of unsigned integers.
        multiple: The sides are padded to multiples of this, by reflection at the bottom and right.

    Returns:
        The batch 1×3×H'×W', float32, 0–1.
    """
    missing = [round_up(side, multiple) - side for side in picture.shape[:2]]
    padded = np.pad(picture, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="reflect")
    rainy = padded.astype(np.float32) / np.iinfo(picture.dtype).max
    return np.ascontiguousarray(rainy.transpose(2, 0, 1)[None])
