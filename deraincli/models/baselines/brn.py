"""BRN (Ren et al., IEEE Transactions on Image Processing 2020).

Ren, Shang, Zhu, Hu, Meng, Zuo, "Single image deraining using bilateral recurrent network". Two recurrent
networks of PReNet's kind run in turn, one on the rain and one on the scene. Each sees the other's memory.
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
class BRNConfig:
    """The published network: 412,518 parameters, which all passes share."""

    passes: int = 8
    """Number of times that both networks run."""


class BRN(RestorationNetwork):
    """Two recurrent residual networks. Every convolution is 3×3 with bias and keeps the size."""

    config: BRNConfig
    size_multiple = 1
    tile_margin = 113
    """Covers the receptive field: 22 pixels for the first pass, 13 for each further one."""

    def __init__(self, config: BRNConfig) -> None:
        super().__init__()
        self.config = config
        self.rain = _Branch(6, blocks=3)
        self.scene = _Branch(9, blocks=5)

    def forward(self, rainy: Tensor) -> NetworkOutput:
        """Restores B×3×H×W in 0–1 of any size."""
        picture = rainy.to(self.scene.head.weight.dtype)
        batch, _, height, width = picture.shape
        nothing = picture.new_zeros(batch, WIDTH, height, width)
        rain, scene = (picture, nothing, nothing), (picture, nothing, nothing)
        for _ in range(self.config.passes):
            rain = self.rain(torch.cat([picture, rain[0]], 1), rain[1:], scene[1])
            scene = self.scene(torch.cat([picture, scene[0], rain[0]], 1), scene[1:], rain[1])
        return NetworkOutput(scene[0].float())


class _Branch(nn.Module):
    """One recurrent network. The published one has five residual blocks, even where only three run."""

    def __init__(self, inputs: int, *, blocks: int) -> None:
        super().__init__()
        self.stem = _conv(inputs, WIDTH)
        self.gates = nn.ModuleDict({gate: _conv(3 * WIDTH, WIDTH) for gate in ("i", "f", "g", "o")})
        self.residual = nn.ModuleList(
            [
                nn.Sequential(_conv(WIDTH, WIDTH), nn.ReLU(), _conv(WIDTH, WIDTH))
                for _ in range(RESIDUAL_BLOCKS)
            ]
        )
        self.head = _conv(WIDTH, 3)
        self.blocks = blocks
        for idle in self.residual[blocks:]:
            idle.requires_grad_(False)

    def forward(
        self, seen: Tensor, memory: tuple[Tensor, Tensor], others: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Runs one pass.

        Args:
            seen: The pictures that the branch looks at, stacked.
            memory: The hidden state and the cell of the last pass.
            others: The hidden state of the other branch.

        Returns:
            The estimate, the hidden state and the cell.
        """
        hidden, cell = memory
        both = torch.cat([F.relu(self.stem(seen)), hidden, others], 1)
        i, f, o = (torch.sigmoid(self.gates[gate](both)) for gate in ("i", "f", "o"))
        cell = f * cell + i * torch.tanh(self.gates["g"](both))
        x = hidden = o * torch.tanh(cell)
        for block in self.residual[: self.blocks]:
            x = F.relu(x + F.relu(block(x)))
        return self.head(x), hidden, cell


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)
