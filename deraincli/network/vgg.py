"""The first four convolutions of VGG-16 (Simonyan and Zisserman, ICLR 2015), up to `relu2_2`."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Convention(NamedTuple):
    """What a set of weights expects of its input, and the scale of its features."""

    mean: tuple[float, float, float]
    """Of R, G, B in 0–1; subtracted first."""
    deviation: tuple[float, float, float]
    """Divides the rest."""
    feature_scale: float
    """Divides the features, so that their squared differences compare with those of the other convention."""


TORCHVISION = Convention((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 1.0)
"""torchvision's `IMAGENET1K_V1`."""
CAFFE = Convention((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255), 255.0)
"""The authors' Caffe weights: 0–255 minus the means of ImageNet, here in the order R, G, B."""


class VGG16Features(nn.Module):
    """Pictures to their `relu2_2` features; frozen."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, convention: Convention) -> None:
        super().__init__()
        self.conv1_1 = nn.Conv2d(3, 64, 3, padding=1)
        self.conv1_2 = nn.Conv2d(64, 64, 3, padding=1)
        self.conv2_1 = nn.Conv2d(64, 128, 3, padding=1)
        self.conv2_2 = nn.Conv2d(128, 128, 3, padding=1)
        self.register_buffer("mean", torch.tensor(convention.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer(
            "deviation", torch.tensor(convention.deviation).view(1, 3, 1, 1), persistent=False
        )
        self.feature_scale = convention.feature_scale
        self.requires_grad_(False)

    def forward(self, picture: Tensor) -> Tensor:
        """B×3×H×W RGB in 0–1 to B×128×⌊H/2⌋×⌊W/2⌋."""
        x = (picture - self.mean) / self.deviation
        x = F.relu(self.conv1_2(F.relu(self.conv1_1(x))))
        x = F.max_pool2d(x, 2)
        return F.relu(self.conv2_2(F.relu(self.conv2_1(x)))) / self.feature_scale
