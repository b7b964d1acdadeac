"""Bi-attention: RAM (rainy regions) and CAM (clean regions), each computed by its own branch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deraincli.models.balnet.config import BALNetConfig
from deraincli.models.balnet.unet import MultiScaleUNet


class AttentionBranch(nn.Module):
    """A small multi-scale network with a sigmoid, which computes one map at input resolution."""

    def __init__(self, config: BALNetConfig) -> None:
        super().__init__()
        factor = config.unshuffle
        self.net = MultiScaleUNet(
            config.branch,
            3 * factor**2,
            factor**2,
            stride=factor,
            squeeze_excite=config.squeeze_excite,
            steered=False,
        )
        self.shuffle = nn.PixelShuffle(factor)

    def forward(self, x: Tensor) -> Tensor:
        """Maps B×3u²×H/u×W/u, the pixel-unshuffled picture, to B×1×H×W in 0–1, float32."""
        return torch.sigmoid(self.shuffle(self.net(x)).float())


class BiAttention(nn.Module):
    """Computes both maps, or one map and its opposite, which is an ablation of the authors' response."""

    def __init__(self, config: BALNetConfig) -> None:
        super().__init__()
        self.ram = AttentionBranch(config) if config.attention in ("bi", "ram") else None
        self.cam = AttentionBranch(config) if config.attention in ("bi", "cam") else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Maps the pixel-unshuffled picture to RAM and CAM, each B×1×H×W in 0–1."""
        ram = None if self.ram is None else self.ram(x)
        cam = None if self.cam is None else self.cam(x)
        if ram is None:
            assert cam is not None
            return 1 - cam, cam
        return ram, 1 - ram if cam is None else cam
