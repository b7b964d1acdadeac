"""VGG-16 for the perceptual loss, from torchvision or from a local file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from zipfile import BadZipFile

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from deraincli.errors import ModelError
from deraincli.network.vgg import CAFFE, TORCHVISION, VGG16Features

FROM_TORCHVISION = "torchvision"
"""The source that is no file: torchvision's IMAGENET1K_V1, fetched once and kept in torch's cache."""

DAMAGED = (OSError, ValueError, RuntimeError, EOFError, SafetensorError, UnpicklingError, BadZipFile)
"""What NumPy, safetensors and torch raise for a file that is not whole."""

LAYERS = {"conv1_1": 0, "conv1_2": 2, "conv2_1": 5, "conv2_2": 7}
"""Our layers and their places in torchvision's `features`."""


def load_vgg(source: str, root: Path) -> VGG16Features:
    """VGG-16 up to `relu2_2`.

    Args:
        source: `torchvision`; a .pth or .safetensors file with torchvision's keys; or an .npz with
            `conv1_1_weight` (OIHW), `conv1_1_bias`, … of the Caffe convention. Each gets the
            normalisation it was trained with.
        root: what a file's path is relative to.

    Raises:
        ModelError: the file is missing, damaged or holds something else, or torchvision cannot be used.
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
        return torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGED:
        raise ModelError(f"{path} is no intact file of VGG-16 weights; fetch it again.") from None


def _fetch() -> Mapping[str, Tensor]:
    try:
        from torchvision.models import VGG16_Weights
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
