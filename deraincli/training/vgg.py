"""VGG-16 for the perceptual loss, with weights from torchvision or from a local file.

The first four convolutions suffice, up to `relu2_2` (Simonyan and Zisserman, ICLR 2015).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from deraincli.errors import ModelError
from deraincli.models.pytorch_file import load_plain
from deraincli.runtime.installation import install_command

FROM_TORCHVISION = "torchvision"
"""Stands for torchvision's IMAGENET1K_V1, which is fetched once and kept in torch's cache."""

LAYERS = {"conv1_1": 0, "conv1_2": 2, "conv2_1": 5, "conv2_2": 7}
"""Indices in torchvision's `features` by the names of our layers."""


class Convention(NamedTuple):
    """Normalisation of the input and scale of the features for a set of weights."""

    mean: tuple[float, float, float]
    """Mean of R, G and B in 0–1, which is subtracted first."""
    deviation: tuple[float, float, float]
    """Divisor of the difference for R, G and B."""
    feature_scale: float
    """Divisor of the features, which makes squared differences comparable between conventions."""


TORCHVISION = Convention((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 1.0)
"""torchvision's `IMAGENET1K_V1`."""
CAFFE = Convention((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255), 255.0)
"""The Caffe weights of VGG's authors: 0–255 minus the means of ImageNet, here in the order R, G, B."""


class VGG16Features(nn.Module):
    """The first layers of VGG-16, frozen, which compute the `relu2_2` features of pictures."""

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
        """Maps B×3×H×W RGB in 0–1 to B×128×⌊H/2⌋×⌊W/2⌋."""
        x = (picture - self.mean) / self.deviation
        x = F.relu(self.conv1_2(F.relu(self.conv1_1(x))))
        x = F.max_pool2d(x, 2)
        return F.relu(self.conv2_2(F.relu(self.conv2_1(x)))) / self.feature_scale


def load_vgg(source: str, root: Path) -> VGG16Features:
    """Loads VGG-16 up to `relu2_2`, with the normalisation that its weights were trained with.

    Args:
        source: `torchvision`, or a .pth or .safetensors file with torchvision's keys, or an .npz file with
            the keys `conv1_1_weight` (OIHW), `conv1_1_bias`, … of the Caffe convention.
        root: Folder that a file's path is relative to.

    Raises:
        ModelError: The file is missing, damaged or holds something else, or torchvision cannot be used.
    """
    weights = _fetch() if source == FROM_TORCHVISION else _read(root / source)
    caffe = source.endswith(".npz")
    vgg = VGG16Features(CAFFE if caffe else TORCHVISION)
    name = "{layer}_{part}" if caffe else "features.{place}.{part}"
    try:
        ours = {
            f"{layer}.{part}": weights[name.format(layer=layer, place=place, part=part)]
            for layer, place in LAYERS.items()
            for part in ("weight", "bias")
        }
        vgg.load_state_dict(ours)
    except (KeyError, RuntimeError):
        raise ModelError(f"{source} does not hold VGG-16 as {name}; choose another file.") from None
    return vgg.eval()


def _read(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise ModelError(f"There is no VGG-16 file {path}; set loss.vgg to one, or to torchvision.")
    try:
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                return {key: torch.from_numpy(arrays[key]) for key in arrays}
        if path.suffix == ".safetensors":
            return load_file(path)
        return load_plain(path)
    except Exception:  # foreign bytes make the readers raise almost anything
        raise ModelError(f"{path} is not an intact file of VGG-16 weights; fetch it again.") from None


def _fetch() -> Mapping[str, Tensor]:
    try:
        from torchvision.models import VGG16_Weights
    except ModuleNotFoundError:
        raise ModelError(
            f"VGG-16 comes from torchvision, which is not installed: run `{install_command('train')}`, or "
            "set loss.vgg to a file."
        ) from None
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        raise ModelError(
            f"torchvision cannot be loaded ({error}); install the one that fits torch, or set loss.vgg to a "
            "file."
        ) from None
    try:
        return VGG16_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: the hash does not fit
        raise ModelError(
            f"VGG-16 cannot be fetched ({error}); go online once, or set loss.vgg to a file."
        ) from None
