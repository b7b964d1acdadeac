"""Pix2Pix U-Net (Isola et al., CVPR 2017), which replaces the SRM in an ablation of the authors' response."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DOWN_WIDTHS = (64, 128, 256, 512, 512)
"""Output channels of the convolutions on the way down."""


class Pix2PixUNet(nn.Module):
    """Five 4×4 convolutions of stride 2 down and five transposed ones up, with skips between them.

    Batch normalisation follows all but the first, the innermost and the last convolution.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        ins = (inputs, *DOWN_WIDTHS[:-1])
        self.down = nn.ModuleList([nn.Conv2d(a, b, 4, 2, 1) for a, b in zip(ins, DOWN_WIDTHS, strict=True)])
        self.down_norm = nn.ModuleList([nn.BatchNorm2d(width) for width in DOWN_WIDTHS[1:-1]])
        ups = DOWN_WIDTHS[-2::-1]
        self.up = nn.ModuleList([nn.ConvTranspose2d(DOWN_WIDTHS[-1], ups[0], 4, 2, 1)])
        for skip, width in zip(ups, (*ups[1:], outputs), strict=True):
            self.up.append(nn.ConvTranspose2d(2 * skip, width, 4, 2, 1))
        self.up_norm = nn.ModuleList([nn.BatchNorm2d(width) for width in ups])

    def forward(self, x: Tensor) -> Tensor:
        """Maps B×inputs×H×W to B×outputs×H×W. H and W must be multiples of 32."""
        skips = [self.down[0](x)]
        for layer, norm in zip(list(self.down)[1:-1], self.down_norm, strict=True):
            skips.append(norm(layer(F.leaky_relu(skips[-1], 0.2))))
        x = self.down[-1](F.leaky_relu(skips[-1], 0.2))
        for layer, norm, skip in zip(list(self.up)[:-1], self.up_norm, reversed(skips), strict=True):
            x = torch.cat([norm(layer(F.relu(x))), skip], 1)
        return self.up[-1](F.relu(x))
