"""Eigen (Eigen et al., ICCV 2013).

Eigen, Krishnan, Fergus, "Restoring an image taken through a window covered with dirt or rain". Three layers
encode every 16×16 patch as 512 numbers and decode these to an 8×8 patch of the clean picture. Overlapping
patches are averaged.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deraincli.models.base import NetworkOutput, RestorationNetwork

SEEN, PAINTED = 16, 8
"""Sides of the input and output patches, in pixels."""
FIRST_STD = 1e-3
"""Standard deviation of all initial weights, as in the paper."""


@dataclass(frozen=True)
class EigenConfig:
    """The published network: 754,691 parameters."""

    width: int = 512
    """Number of features that describe a patch."""


class Eigen(RestorationNetwork):
    """Three convolutions. The last is the paper's "full" convolution, which is a transposed one here.

    The paper's output is 8 pixels smaller than its input. Here the border of the picture is repeated outward
    to keep the size.
    """

    size_multiple = PAINTED
    """Side of an output patch, which is the smallest possible input."""
    tile_margin = (SEEN + PAINTED - 2) // 2
    """The whole receptive field."""

    def __init__(self, config: EigenConfig) -> None:
        super().__init__()
        self.config = config
        self.see = nn.Conv2d(3, config.width, SEEN)
        self.think = nn.Conv2d(config.width, config.width, 1)
        self.paint = nn.ConvTranspose2d(config.width, 3, PAINTED)
        for layer in (self.see, self.think, self.paint):
            nn.init.normal_(layer.weight, std=FIRST_STD)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, rainy: Tensor) -> NetworkOutput:
        """Restores B×3×H×W in 0–1. H and W must be at least `size_multiple`."""
        border = (SEEN - PAINTED) // 2
        x = F.pad(rainy.to(self.see.weight.dtype), (border,) * 4, mode="replicate")
        x = torch.tanh(self.think(torch.tanh(self.see(x))))
        count = _patches_over_each_pixel(*x.shape[2:]).to(rainy.device)
        bias = self.paint.bias.float().view(3, 1, 1)  # type: ignore[union-attr]
        return NetworkOutput((self.paint(x).float() - bias) / count + bias)


def _patches_over_each_pixel(height: int, width: int) -> Tensor:
    """Returns how many of height×width output patches cover each pixel: 64, and fewer at the borders."""
    patches = F.pad(torch.ones(1, 1, height, width), (PAINTED - 1,) * 4)
    return F.avg_pool2d(patches, PAINTED, stride=1, divisor_override=1)
