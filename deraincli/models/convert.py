"""Converts published PyTorch checkpoints of the baselines to model files.

Only tensors are read (`weights_only`), so a pickle cannot run code.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor

from deraincli.errors import ModelError
from deraincli.models.checkpoint import ModelInfo, model_bytes
from deraincli.models.convert_layouts import PublishedLayout, published_layout
from deraincli.models.pytorch_file import load_plain
from deraincli.models.registry import NETWORKS

WRAPPERS = ("state_dict", "model_state_dict", "params_ema", "params", "model", "net", "generator")
"""Keys under which a checkpoint may store its weights."""


def import_checkpoint(path: Path, network: str) -> bytes:
    """Converts a published checkpoint to a model file.

    The keys of the checkpoint must match the network's tensors one to one. All shapes must agree and all
    numbers must be finite.

    Args:
        path: The checkpoint.
        network: Name of the network.

    Returns:
        The model file's content.

    Raises:
        UsageError: The published layout of the network is not known.
        ModelError: The checkpoint does not fit the network, or an optional package is missing.
    """
    layout, kind = published_layout(network), NETWORKS[network]
    published = _tensors(path)
    built = kind.build(kind.config)
    expected = {key: tuple(value.shape) for key, value in built.state_dict().items()}
    weights = _renamed(published, layout, path, expected.keys())
    if missing := sorted(expected.keys() - weights.keys()):
        raise _misfit(path, layout, f"it has no {layout.theirs(missing[0])}")
    for key, shape in expected.items():
        if tuple(weights[key].shape) != shape:
            found = tuple(weights[key].shape)
            raise _misfit(path, layout, f"its {layout.theirs(key)} has shape {found} instead of {shape}")
        if not weights[key].isfinite().all():
            raise ModelError(f"{layout.theirs(key)} in {path} is not finite: take another checkpoint.")
    built.load_state_dict(_in_rgb(weights, layout), strict=True)
    return model_bytes(built, ModelInfo(network, kind.config, layout.task), dtype=torch.float32)


def _tensors(path: Path) -> dict[str, Tensor]:
    """Reads the weights of a checkpoint, without the prefix that DataParallel adds."""
    if not path.is_file():
        raise ModelError(f"There is no checkpoint {path}.")
    try:
        content = load_plain(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError:
        raise ModelError(
            f"{path} is not an intact PyTorch checkpoint of plain tensors: save its state_dict() alone."
        ) from None
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ModelError(f"{path} holds more than named tensors: save its state_dict() alone.")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def _renamed(
    tensors: dict[str, Tensor], layout: PublishedLayout, path: Path, expected: Collection[str]
) -> dict[str, Tensor]:
    """Replaces the published names of tensors by our names, all of which must be expected."""
    renamed = {}
    for key, value in tensors.items():
        ours = layout.ours(key)
        if ours is None or ours not in expected:
            raise _misfit(path, layout, f"its tensor {key!r} has no place there")
        renamed[ours] = value.flatten(0, 1) if ours in layout.joined and value.ndim == 5 else value
    return renamed


def _in_rgb(weights: dict[str, Tensor], layout: PublishedLayout) -> dict[str, Tensor]:
    """Reorders the channels of layers that see or produce colours as blue, green, red."""
    reordered = dict(weights)
    for layer in layout.bgr_inputs:
        weight = weights[f"{layer}.weight"]
        reordered[f"{layer}.weight"] = torch.cat([weight[:, :3].flip(1), weight[:, 3:]], 1)
    for layer in layout.bgr_outputs:
        for key in (f"{layer}.weight", f"{layer}.bias"):
            reordered[key] = weights[key].flip(0)
    return reordered


def _misfit(path: Path, layout: PublishedLayout, why: str) -> ModelError:
    return ModelError(f"{path} does not fit the published network ({layout.source}): {why}.")
