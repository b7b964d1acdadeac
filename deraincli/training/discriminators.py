"""The two discriminators that BAL-Net trains against: one sees whole outputs, one random regions of them.

The authors' response gives neither's layers. Ours are PatchGANs (Isola et al., "Image-to-Image Translation
with Conditional Adversarial Networks", CVPR 2017) with instance in place of batch normalisation, so that a
score depends on its own picture alone.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

REGION = 70
"""Side of the local discriminator's regions, pixels (as in the authors' response)."""
WIDTHS = (64, 128, 256, 512)


class Scores(NamedTuple):
    """Patch scores, B×1×h×w each; 1 stands for a clean photo, 0 for an output."""

    whole: Tensor
    region: Tensor


class Discriminators(nn.Module):
    """The global and the local discriminator."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = patch_gan()
        self.region = patch_gan()

    def forward(self, pictures: Tensor, corners: Tensor) -> Scores:
        """B×3×H×W in 0–1, sides of at least `REGION`, and the corners (y, x) of a region of each, B×2."""
        return Scores(self.whole(pictures), self.region(cut_regions(pictures, corners)))


def patch_gan() -> nn.Sequential:
    """B×3×H×W to B×1×h×w; each score sees 70×70 pixels. Sides from 32 pixels."""
    layers: list[nn.Module] = [nn.Conv2d(3, WIDTHS[0], 4, 2, 1), nn.LeakyReLU(0.2)]
    for before, width in pairwise(WIDTHS):
        stride = 1 if width == WIDTHS[-1] else 2
        layers += [
            nn.Conv2d(before, width, 4, stride, 1),
            nn.InstanceNorm2d(width, affine=True),
            nn.LeakyReLU(0.2),
        ]
    layers.append(nn.Conv2d(WIDTHS[-1], 1, 4, 1, 1))
    return nn.Sequential(*layers)


def cut_regions(pictures: Tensor, corners: Tensor) -> Tensor:
    """From each of B×3×H×W the region at its corner (y, x), as B×3×`REGION`×`REGION`."""
    return torch.stack(
        [
            picture[:, y : y + REGION, x : x + REGION]
            for picture, (y, x) in zip(pictures, corners.tolist(), strict=True)
        ]
    )
