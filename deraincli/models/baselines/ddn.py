"""DDN (Fu et al., CVPR 2017).

Fu, Huang, Zeng, Huang, Ding, Paisley, "Removing rain from single images via a deep detail network". A guided
filter separates the picture's detail from its base. A residual network sees the detail only, and predicts a
residual.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from deraincli.models.base import NetworkOutput, RestorationNetwork

RADIUS = 15
"""Radius of the guided filter's windows, in pixels."""
EPSILON = 1.0
"""Regularisation of the guided filter on pictures in 0–1, as in the authors' code.

With this value, the base is nearly a box blur applied twice.
"""
FIRST_SCALE = 0.01
"""Initial γ of the last batch normalisation. With 1, the first estimates would be noise of that size."""


@dataclass(frozen=True)
class DDNConfig:
    """The published network: 57,369 parameters."""

    width: int = 16
    """Channels."""
    pairs: int = 12
    """Pairs of convolutions, each with a skip around it."""


class DDN(RestorationNetwork):
    """Residual network. Every convolution is 3×3 with bias and is followed by batch normalisation."""

    size_multiple = 1
    tile_margin = 26 + 2 * RADIUS
    """The whole receptive field: one pixel for each of 26 convolutions, and two windows of the filter."""

    def __init__(self, config: DDNConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.stem = nn.Sequential(*_layer(3, width), nn.ReLU())
        self.pairs = nn.ModuleList(
            [
                nn.Sequential(*_layer(width, width), nn.ReLU(), *_layer(width, width), nn.ReLU())
                for _ in range(config.pairs)
            ]
        )
        self.last, self.last_norm = _layer(width, 3)
        nn.init.constant_(self.last_norm.weight, FIRST_SCALE)

    def forward(self, rainy: Tensor) -> NetworkOutput:
        """Restores B×3×H×W in 0–1 of any size."""
        rainy = rainy.float()
        x = self.stem(detail(rainy).to(self.last.weight.dtype))
        for pair in self.pairs:
            x = x + pair(x)
        return NetworkOutput(rainy + self.last_norm(self.last(x)).float())


def detail(picture: Tensor) -> Tensor:
    """Subtracts the guided filter of a picture from it (He, Sun, Tang, TPAMI 2013), channel by channel.

    Args:
        picture: B×C×H×W.

    Returns:
        The detail, B×C×H×W.
    """
    mean = _box_mean(picture)
    variance = _box_mean(picture * picture) - mean * mean
    slope = variance / (variance + EPSILON)
    offset = mean * (1 - slope)
    return picture - (_box_mean(slope) * picture + _box_mean(offset))


def _box_mean(x: Tensor) -> Tensor:
    """Returns the mean over the square around each pixel, ignoring what lies outside the picture.

    The rows are averaged first, then the columns, which is faster than averaging squares.
    """
    side = 2 * RADIUS + 1
    rows = F.avg_pool2d(x, (side, 1), stride=1, padding=(RADIUS, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, side), stride=1, padding=(0, RADIUS), count_include_pad=False)


def _layer(inputs: int, outputs: int) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1)
    nn.init.xavier_uniform_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv, nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
