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
"""Sides of the patches seen and painted, pixels."""
FIRST_STD = 1e-3
"""Standard deviation of all first weights, as in the paper."""


@dataclass(frozen=True)
class EigenConfig:
    """The published network: 754,691 parameters."""

    width: int = 512
    """Numbers that describe a patch."""


class Eigen(RestorationNetwork):
    """The last layer is the paper's "full" convolution, so a transposed one here.

    The paper's output is smaller than its input by 8 pixels; here the picture's border is repeated
    outward to keep the size.
    """

    size_multiple = PAINTED
    """Sides are at least as long as a painted patch."""
    tile_margin = (SEEN + PAINTED - 2) // 2
    """All that it can see."""

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
        """Restores B×3×H×W in 0–1; H and W must be `size_multiple` or more."""
        border = (SEEN - PAINTED) // 2
        x = F.pad(rainy.to(self.see.weight.dtype), (border,) * 4, mode="replicate")
        x = torch.tanh(self.think(torch.tanh(self.see(x))))
        count = _patches_over_each_pixel(*x.shape[2:]).to(rainy.device)
        bias = self.paint.bias.float().view(3, 1, 1)  # type: ignore[union-attr]
        return NetworkOutput((self.paint(x).float() - bias) / count + bias)


def _patches_over_each_pixel(height: int, width: int) -> Tensor:
    """How many of height×width patches paint each pixel: 64, but fewer at the borders."""
    patches = F.pad(torch.ones(1, 1, height, width), (PAINTED - 1,) * 4)
    return F.avg_pool2d(patches, PAINTED, stride=1, divisor_override=1)
