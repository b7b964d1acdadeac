"""PReNet (Ren et al., CVPR 2019).

Ren, Zuo, Hu, Zhu, Meng, "Progressive image deraining networks: a better and simpler baseline". This is the
variant with an LSTM. One small residual network runs several times on the rainy picture and the last result.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deraincli.models.base import NetworkOutput, RestorationNetwork

WIDTH = 32
RESIDUAL_BLOCKS = 5


@dataclass(frozen=True)
class PReNetConfig:
    """The published network: 168,963 parameters, which all passes share."""

    passes: int = 6
    """Number of times that the network runs."""


class PReNet(RestorationNetwork):
    """Recurrent residual network. Every convolution is 3×3 with bias and keeps the size."""

    config: PReNetConfig
    size_multiple = 1
    tile_margin = 80
    """Covers the receptive field: each of six passes sees 13 pixels farther."""

    def __init__(self, config: PReNetConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = _conv(6, WIDTH)
        self.gates = nn.ModuleDict({gate: _conv(2 * WIDTH, WIDTH) for gate in ("i", "f", "g", "o")})
        self.residual = nn.ModuleList(
            [
                nn.Sequential(_conv(WIDTH, WIDTH), nn.ReLU(), _conv(WIDTH, WIDTH))
                for _ in range(RESIDUAL_BLOCKS)
            ]
        )
        self.head = _conv(WIDTH, 3)

    def forward(self, rainy: Tensor) -> NetworkOutput:
        """Restores B×3×H×W in 0–1 of any size."""
        picture = rainy.to(self.head.weight.dtype)
        batch, _, height, width = picture.shape
        hidden = cell = picture.new_zeros(batch, WIDTH, height, width)
        change = torch.zeros_like(picture)
        for _ in range(self.config.passes):
            x = F.relu(self.stem(torch.cat([picture, picture + change], 1)))
            both = torch.cat([x, hidden], 1)
            i, f, o = (torch.sigmoid(self.gates[gate](both)) for gate in ("i", "f", "o"))
            cell = f * cell + i * torch.tanh(self.gates["g"](both))
            x = hidden = o * torch.tanh(cell)
            for block in self.residual:
                x = F.relu(x + F.relu(block(x)))
            change = self.head(x)
        return NetworkOutput(rainy.float() + change.float())


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)
