"""The two discriminators of adversarial training: one sees whole outputs, the other random regions of them.

The authors' response does not give their layers. Ours are PatchGANs (Isola et al., "Image-to-Image
Translation with Conditional Adversarial Networks", CVPR 2017). They have instance normalisation instead of
batch normalisation, so that a score depends only on its own picture.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

REGION = 70
"""Side of the local discriminator's regions in pixels, as in the authors' response."""
WIDTHS = (64, 128, 256, 512)
"""Output channels of the convolutions before the last."""


class PatchScores(NamedTuple):
    """Patch scores, each B×1×h×w. 1 stands for a clean photo, 0 for an output of the network."""

    whole: Tensor
    """Scores of the whole pictures."""
    region: Tensor
    """Scores of the regions."""


class Discriminators(nn.Module):
    """The global and the local discriminator."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = patch_gan()
        self.region = patch_gan()

    def forward(self, pictures: Tensor, corners: Tensor) -> PatchScores:
        """Scores pictures and a region of each.

        Args:
            pictures: B×3×H×W in 0–1, with sides of at least `REGION`.
            corners: Upper left corners (y, x) of the regions, B×2.
        """
        return PatchScores(self.whole(pictures), self.region(cut_regions(pictures, corners)))


def patch_gan() -> nn.Sequential:
    """Builds a network from B×3×H×W to B×1×h×w, whose scores see 70×70 pixels. Sides are at least 32."""
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
    """Cuts a region from each picture.

    Args:
        pictures: B×3×H×W.
        corners: Upper left corners (y, x) of the regions, B×2.

    Returns:
        The regions, B×3×`REGION`×`REGION`.
    """
    return torch.stack(
        [
            picture[:, y : y + REGION, x : x + REGION]
            for picture, (y, x) in zip(pictures, corners.tolist(), strict=True)
        ]
    )
