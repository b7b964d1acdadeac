"""The ground truth of the attention maps."""

from __future__ import annotations

import torch
from torch import Tensor

from deraincli.pixels import LUMA


def grey(image: Tensor) -> Tensor:
    """Returns the luma, B×1×H×W, of images B×3×H×W."""
    weights = torch.tensor(LUMA, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True)


def attention_targets(rainy: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the ground truth of RAM and CAM by thresholding the grey difference at its mean.

    A rain-free picture, whose differences are all below 1/255, has RAM 0 and CAM 1 everywhere. Published work
    of BAL-Net's group uses this threshold. The authors' response does not specify one.

    Args:
        rainy: B×3×H×W in 0–1.
        clean: B×3×H×W in 0–1.

    Returns:
        RAM and CAM, each B×1×H×W of 0 and 1.
    """
    difference = (grey(rainy) - grey(clean)).abs()
    mean = difference.mean((1, 2, 3), keepdim=True)
    rain_free = difference.amax((1, 2, 3), keepdim=True) < 1 / 255
    ram = (difference > mean) & ~rain_free
    cam = (difference < mean) | rain_free
    return ram.float(), cam.float()
