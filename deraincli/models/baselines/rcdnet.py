"""RCDNet (Wang et al., CVPR 2020).

Wang, Xie, Zhao, Meng, "A model-driven deep neural network for single image rain removal". The rain is a sum
of rain maps, each convolved with its learned kernel. Every stage takes a gradient step on the maps and on the
background, and passes each through a residual network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deraincli.models.base import NetworkOutput, RestorationNetwork

MAPS = 32
"""Number of rain maps."""
DUAL = 32
"""Channels that the background carries from stage to stage besides its colours."""
KERNEL = 9
"""Side of a rain kernel in pixels."""


@dataclass(frozen=True)
class RCDNetConfig:
    """The published network: 3,166,355 parameters."""

    stages: int = 17
    """Number of stages."""


class RCDNet(RestorationNetwork):
    """Unrolled rain convolutional dictionary. Its numbers run from 0 to 255, as the published network's do.

    The published network starts its training with rain kernels that its authors learned beforehand. Here the
    kernels start at random.
    """

    size_multiple = 1
    tile_margin = 64
    """Far less than the network could see over all stages. Each looks 24 pixels farther."""

    def __init__(self, config: RCDNetConfig) -> None:
        super().__init__()
        self.config = config
        later = config.stages - 1
        kernel = torch.randn(3, MAPS, KERNEL, KERNEL) / KERNEL
        self.dictionary = nn.ParameterDict(  # by their published names
            {
                "eta1": nn.Parameter(torch.ones(1), requires_grad=False),  # the published code never reads it
                "eta2": torch.full((1,), 5.0),
                "eta11": torch.ones(later, 1),
                "eta12": torch.full((later, 1), 5.0),
                "weight0": kernel,
                "conv": kernel.repeat(later, 1, 1, 1),
                "w_z_f": torch.full((DUAL, 3, 3, 3), 1 / 9),
                "tau": torch.ones(1),
            }
        )
        self.first = _Proximal(DUAL + 3)
        self.backgrounds = nn.ModuleList([_Proximal(DUAL + 3) for _ in range(config.stages)])
        self.rain_maps = nn.ModuleList([_RainMaps(MAPS) for _ in range(config.stages)])
        self.last = _Proximal(DUAL + 3)
        self.idle = _RainMaps(MAPS).requires_grad_(False)
        """Part of the published weights, though no picture passes through it."""

    def forward(self, rainy: Tensor) -> NetworkOutput:
        """Restores B×3×H×W in 0–1 of any size."""
        given = self.dictionary
        picture = 255 * rainy.to(given["w_z_f"].dtype)
        kernel = given["conv"][3:6] / 10  # all stages share the second of the stored kernels
        steps = [given["eta2"], *given["eta12"]]
        state = self.first(torch.cat([picture, F.conv2d(picture, given["w_z_f"], padding=1)], 1))
        rain = maps = torch.zeros_like(picture)  # the first stage replaces both
        for stage, (background, rain_maps) in enumerate(zip(self.backgrounds, self.rain_maps, strict=True)):
            colours, dual = state[:, :3], state[:, 3:]
            if stage == 0:
                excess = F.relu(picture - colours - given["tau"])
                maps = rain_maps(F.conv_transpose2d(excess, given["weight0"] / 10, padding=KERNEL // 2))
            else:
                error = F.conv_transpose2d(rain - (picture - colours), kernel, padding=KERNEL // 2)
                maps = rain_maps(maps - given["eta11"][stage - 1] / 10 * error)
            rain = F.conv2d(maps, kernel, padding=KERNEL // 2)
            colours = colours - steps[stage] / 10 * (colours - (picture - rain))
            state = background(torch.cat([colours, dual], 1))
        return NetworkOutput(self.last(state)[:, :3].float() / 255)


class _Proximal(nn.Module):
    """Four residual blocks of two convolutions with batch normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            [
                nn.Sequential(
                    nn.Conv2d(channels, channels, 3, padding=1),
                    nn.BatchNorm2d(channels),
                    nn.ReLU(),
                    nn.Conv2d(channels, channels, 3, padding=1),
                    nn.BatchNorm2d(channels),
                )
                for _ in range(4)
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns a tensor of the same shape."""
        for block in self.blocks:
            x = F.relu(x + block(x))
        return x


class _RainMaps(_Proximal):
    """The same, and a learned threshold that keeps rain maps sparse."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.tau = nn.Parameter(torch.full((1, channels, 1, 1), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        """Returns a tensor of the same shape, at least 0."""
        return F.relu(super().forward(x) - self.tau)
