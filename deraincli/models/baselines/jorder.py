"""JORDER (Yang et al., CVPR 2017).

Yang, Tan, Feng, Liu, Guo, Yan, "Deep joint rain detection and removal from a single image". This is the
single-pass network that the authors released. The paper's recurrent network was never released. That network
has dilated paths and also predicts the location and the strength of rain for further losses.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deraincli.models.base import NetworkOutput, RestorationNetwork

LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""Weights of R, G and B, each in 0–1, in Y − 16/255, which ranges from 0 to 219/255 (ITU-R BT.601)."""
FIRST_STD = 1e-3
"""Standard deviation of the last layer's initial weights, small so that training starts near the input."""


@dataclass(frozen=True)
class JORDERConfig:
    """The released network: 370,497 parameters."""

    width: int = 64
    """Channels."""
    pairs: int = 5
    """Pairs of convolutions. The output of each is averaged with its input."""


class JORDER(RestorationNetwork):
    """Residual network on luminance. Every convolution is 3×3 with bias, without normalisation.

    It sees and changes luminance only. The released script first rounds luminance to whole 255ths. This is
    left out here, because it would reduce the precision of 16-bit images.
    """

    size_multiple = 1
    tile_margin = 12
    """The whole receptive field: one pixel for each convolution."""

    def __init__(self, config: JORDERConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.stem = _conv(1, width)
        self.pairs = nn.ModuleList(
            [nn.Sequential(_conv(width, width), nn.ReLU(), _conv(width, width)) for _ in range(config.pairs)]
        )
        self.head = _conv(width, 1)
        nn.init.normal_(self.head.weight, std=FIRST_STD)

    def forward(self, rainy: Tensor) -> NetworkOutput:
        """Restores B×3×H×W in 0–1 of any size."""
        rainy = rainy.float()
        luminance = 16 / 255 + (rainy * torch.tensor(LUMA, device=rainy.device).view(3, 1, 1)).sum(1, True)
        first = x = F.relu(self.stem(luminance.to(self.head.weight.dtype)))
        for pair in self.pairs:
            x = F.relu(0.5 * x + 0.5 * pair(x))
        change = self.head(0.5 * first + 0.5 * x).float()
        # Cb and Cr stay the same, so the change of Y is added to R, G and B alike.
        return NetworkOutput(rainy + 255 / 219 * change)


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1)
    nn.init.kaiming_normal_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv
