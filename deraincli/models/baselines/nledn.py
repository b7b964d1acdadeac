"""NLEDN (Li et al., ACM Multimedia 2018).

Li, He, Zhang, Chang, Dong, Lin, "Non-locally enhanced encoder-decoder network for single image de-raining".
Each dense block of the encoder and decoder starts with attention within grid cells. Pooling keeps its
indices, so that unpooling restores values to their places.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deraincli.models.base import NetworkOutput, RestorationNetwork

DENSE_LAYERS = 4
"""Dense layers of a block."""


@dataclass(frozen=True)
class NLEDNConfig:
    """The published network: 1,005,379 parameters."""

    width: int = 64
    """Channels."""
    growth: int = 32
    """Channels that each dense layer adds."""


class NLEDN(RestorationNetwork):
    """Encoder and decoder with attention over whole cells, which grow with the picture.

    Therefore tiles give a different result than the whole picture. The cost of a cell grows with the square
    of its area.
    """

    size_multiple = 16
    """Makes the cells of every level equal, with even sides. The authors' sizes are multiples of 8."""
    tile_margin = 95
    """The whole receptive field of the convolutions. Attention beyond it is cut off at a tile's border."""

    def __init__(self, config: NLEDNConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.shallow = _conv(3, width)
        self.features = _conv(width, width)
        self.encoder = nn.ModuleList([Block(config, grid) for grid in (8, 4, 2)])
        self.middle = Block(config, grid=1)
        self.joins = nn.ModuleList([nn.Conv2d(2 * width, width, 1) for _ in range(2)])
        self.decoder = nn.ModuleList([Block(config, grid) for grid in (2, 4)])
        self.fuse = nn.Sequential(nn.Conv2d(3 * width, width, 1), _conv(width, width))
        self.head = _conv(width, 3)

    def forward(self, rainy: Tensor) -> NetworkOutput:
        """Restores B×3×H×W in 0–1. Sides must be multiples of 16."""
        shallow = self.shallow(rainy.to(self.head.weight.dtype))
        features = self.features(shallow)
        first = self.encoder[0](features)
        x1, indices1 = _pool(first)  # half resolution
        x2, indices2 = _pool(self.encoder[1](x1))  # a quarter
        x3, indices3 = _pool(self.encoder[2](x2))  # an eighth
        x = _unpool(self.middle(x3), indices3)
        x = self.decoder[0](self.joins[0](torch.cat([x2, x], 1)))
        x = _unpool(x, indices2)
        x = self.decoder[1](self.joins[1](torch.cat([x1, x], 1)))
        x = _unpool(x, indices1)
        x = self.fuse(torch.cat([features, x, first], 1)) + shallow
        return NetworkOutput(rainy.float() - torch.tanh(self.head(x)).float())


class Block(nn.Module):
    """Non-local attention, four dense convolutions and a 1×1 back to the width, with a skip around them."""

    def __init__(self, config: NLEDNConfig, grid: int) -> None:
        super().__init__()
        self.attention = NonLocal(config.width, grid)
        inputs = [config.width + layer * config.growth for layer in range(DENSE_LAYERS + 1)]
        self.dense = nn.ModuleList([_conv(count, config.growth) for count in inputs[:-1]])
        self.mix = nn.Conv2d(inputs[-1], config.width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps B×C×H×W to the same shape."""
        features = self.attention(x)
        for layer in self.dense:
            features = torch.cat([features, F.relu(layer(features))], 1)
        return x + self.mix(features)


class NonLocal(nn.Module):
    """Attention of every pixel of a cell to the cell's 2×2 maxima.

    It follows Wang, Girshick, Gupta, He, "Non-local neural networks", CVPR 2018. The last layer starts at
    zero, so attention has no effect at first.
    """

    def __init__(self, width: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.query, self.key, self.value = (nn.Conv2d(width, width // 2, 1) for _ in range(3))
        self.back = nn.Conv2d(width // 2, width, 1)
        nn.init.zeros_(self.back.weight)
        nn.init.zeros_(self.back.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Maps B×C×H×W to the same shape. H and W must be multiples of twice the grid."""
        query = self._cells(self.query(x))
        key, value = (self._cells(F.max_pool2d(layer(x), 2)) for layer in (self.key, self.value))
        attended = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        return x + self.back(self._picture(attended, x))

    def _cells(self, x: Tensor) -> Tensor:
        """Cuts B×C×H×W into cells, B×grid²×pixels×C."""
        cells = x.unflatten(3, (self.grid, -1)).unflatten(2, (self.grid, -1))  # B×C×grid×h×grid×w
        return cells.permute(0, 2, 4, 3, 5, 1).flatten(3, 4).flatten(1, 2)

    def _picture(self, cells: Tensor, like: Tensor) -> Tensor:
        """Inverts `_cells`, to the height and width of `like`."""
        side = (self.grid, self.grid)
        height, width = (length // self.grid for length in like.shape[2:])
        apart = cells.unflatten(2, (height, width)).unflatten(1, side)  # B×grid×grid×h×w×C
        return apart.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)


def _pool(x: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the 2×2 maxima and their indices."""
    return F.max_pool2d(x, 2, return_indices=True)


def _unpool(x: Tensor, indices: Tensor) -> Tensor:
    """Doubles the size. Values return to the places of the maxima, and all others are zero."""
    return F.max_unpool2d(x, indices, (2, 2))


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)
