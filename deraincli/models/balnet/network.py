"""BAL-Net as a whole: RAM and CAM from the picture, a restorer steered by both, picture + residual.

The method is that of the authors' response. No paper text, code or weights are public. The layout of the
layers is inferred, see `config.py`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deraincli.models.balnet.attention import BiAttention
from deraincli.models.balnet.blocks import DRB, MMB, SE_CELL, SE_REACH, SLOPE
from deraincli.models.balnet.config import BALNetConfig
from deraincli.models.balnet.pix2pix import Pix2PixUNet
from deraincli.models.balnet.unet import MapInjection, MultiScaleUNet
from deraincli.models.base import NetworkOutput, RestorationNetwork


class BALNet(RestorationNetwork):
    """The bi-attention network.

    Weights may be float32, bfloat16 or float16. The residual is added to the picture in float32.
    """

    config: BALNetConfig

    def __init__(self, config: BALNetConfig) -> None:
        super().__init__()
        self.config = config
        coarsest = config.unshuffle * 2 ** (len(config.restoration.widths) - 1)
        self.size_multiple = math.lcm(SE_CELL, coarsest)
        self.tile_margin = config.tile_margin + (SE_REACH if config.squeeze_excite else 0)
        self.attention = BiAttention(config) if config.attention != "none" else None
        self.restorer: nn.Module
        if config.restorer == "pix2pix":
            self.restorer = Pix2PixUNet(9, 3)
        else:
            self.restorer = MultiScaleUNet(
                config.restoration,
                3 * config.unshuffle**2,
                3 * config.unshuffle**2,
                stride=config.unshuffle,
                squeeze_excite=config.squeeze_excite,
                steered=self.attention is not None,
            )
        self.apply(_initialise)

    def forward(self, rainy: Tensor) -> NetworkOutput:
        """Restores B×3×H×W in 0–1. H and W must be multiples of `size_multiple`."""
        picture = rainy.to(next(self.parameters()).dtype)
        x = F.pixel_unshuffle(picture, self.config.unshuffle)
        maps = None if self.attention is None else self.attention(x)
        ram, cam = maps if maps is not None else (None, None)
        if self.config.restorer == "pix2pix":
            assert ram is not None and cam is not None
            dtype = picture.dtype
            x = torch.cat([picture, picture * ram.to(dtype), picture * cam.to(dtype)], 1)
            residual = self.restorer(x)
        else:
            residual = F.pixel_shuffle(self.restorer(x, maps), self.config.unshuffle)
        return NetworkOutput(rainy.float() + residual.float(), ram, cam)


def _initialise(module: nn.Module) -> None:
    """Initialises a module: He for LeakyReLU 0.1, zero biases, and residual paths at a tenth of that.

    There is no normalisation, so at full strength the features would double with every block, and training
    would diverge. Heads start at zero, so the first output is the picture itself, and the maps are 0.5. A map
    that starts saturated at 0 or 1 has no gradient.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, a=SLOPE, nonlinearity="leaky_relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    # `apply` visits children first, so these lines rescale weights that were just drawn.
    if isinstance(module, DRB | MMB):
        module.fuse.weight.data.mul_(0.1)
    if isinstance(module, MapInjection):
        module.project.weight.data.mul_(0.1)
    if isinstance(module, MultiScaleUNet):
        nn.init.zeros_(module.head.weight)
