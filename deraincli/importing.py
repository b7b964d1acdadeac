"""Published PyTorch checkpoints of the compared networks, turned into model files of ours.

Only tensors are read from them (`weights_only`), so that a pickle cannot run anything.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deraincli.checkpoint import ModelInfo, model_bytes
from deraincli.errors import ModelError, UsageError
from deraincli.networks import NETWORKS

WRAPPERS = ("state_dict", "model_state_dict", "params_ema", "params", "model", "net", "generator")
"""Under which a checkpoint may keep the weights beside other things."""


@dataclass(frozen=True)
class Layout:
    """How a published checkpoint names its layers, and what else sets it apart."""

    source: str
    task: str
    layers: Mapping[str, str]
    """Their layer → ours; weight and bias follow."""
    bgr_inputs: tuple[str, ...] = ()
    """Our layers whose first three input channels are theirs in the order blue, green, red."""
    bgr_outputs: tuple[str, ...] = ()
    """Our layers whose outputs are."""


LAYOUTS: dict[str, Layout] = {
    "prenet": Layout(
        source="https://github.com/csdwren/PReNet, networks.py: PReNet",
        task="streak",
        layers={
            "conv0.0": "stem",
            **{f"conv_{gate}.0": f"gates.{gate}" for gate in "ifgo"},
            **{f"res_conv{n}.{k}": f"residual.{n - 1}.{k}" for n in range(1, 6) for k in (0, 2)},
            "conv.0": "head",
        },
    ),
    "nledn": Layout(
        source="https://github.com/AlexHex7/NLEDN, lib/NLEDN.py",
        task="streak",
        layers={
            "conv1": "shallow",
            "conv2": "features",
            **{
                f"{theirs}.{part}": f"{ours}.{our_part}"
                for theirs, ours, attention in (
                    ("up_1", "encoder.0", "region_non_local.non_local_block"),
                    ("up_2", "encoder.1", "region_non_local.non_local_block"),
                    ("up_3", "encoder.2", "region_non_local.non_local_block"),
                    ("down_3", "middle", "non_local"),
                    ("down_2", "decoder.0", "region_non_local.non_local_block"),
                    ("down_1", "decoder.1", "region_non_local.non_local_block"),
                )
                for part, our_part in (
                    (f"{attention}.theta", "attention.query"),
                    (f"{attention}.phi.0", "attention.key"),
                    (f"{attention}.g.0", "attention.value"),
                    (f"{attention}.W", "attention.back"),
                    *((f"group_{n}.0", f"dense.{n}") for n in range(4)),
                    ("fusion.0", "mix"),
                )
            },
            "down_2_fusion": "joins.0",
            "down_1_fusion": "joins.1",
            "fusion.0": "fuse.0",
            "fusion.1": "fuse.1",
            "final_conv.0": "head",
        },
    ),
    "agan": Layout(
        source="https://github.com/rui1996/DeRaindrop, models/generator.py",
        task="drop",
        layers={
            "det_conv0.0": "attention.stem",
            **{f"det_conv{n}.{k}": f"attention.residual.{n - 1}.{k}" for n in range(1, 6) for k in (0, 2)},
            **{f"conv_{gate}.0": f"attention.gates.{gate}" for gate in "ifgo"},
            "det_conv_mask.0": "attention.head",
            "conv1.0": "painter.encode_full",
            "conv2.0": "painter.encode_half.0",
            "conv3.0": "painter.encode_half.1",
            **{f"conv{n}.0": f"painter.encode_quarter.{n - 4}" for n in (4, 5, 6)},
            **{f"diconv{n}.0": f"painter.encode_quarter.{n + 2}" for n in (1, 2, 3, 4)},
            **{f"conv{n}.0": f"painter.encode_quarter.{n}" for n in (7, 8)},
            "deconv1.0": "painter.up_to_half.conv",
            "conv9.0": "painter.decode_half",
            "deconv2.0": "painter.up_to_full.conv",
            "conv10.0": "painter.decode_full",
            "outframe1.0": "painter.smaller_heads.0",
            "outframe2.0": "painter.smaller_heads.1",
            "output.0": "painter.head",
        },
        bgr_inputs=("attention.stem", "painter.encode_full"),
        bgr_outputs=("painter.head", "painter.smaller_heads.0", "painter.smaller_heads.1"),
    ),
}


def import_checkpoint(path: Path, network: str) -> bytes:
    """A model file's content from a published checkpoint of `network`.

    Every key of the checkpoint must have its place in the network, every tensor of the network its key, and
    all shapes must agree. Raises UsageError for a network whose published layout is not known, ModelError
    for anything that does not fit.
    """
    if network not in LAYOUTS:
        raise UsageError(f"No published layout of {network!r} is known: choose {', '.join(LAYOUTS)}.")
    layout, kind = LAYOUTS[network], NETWORKS[network]
    weights = _renamed(_tensors(path), layout, path)
    built = kind.build(kind.config)
    expected = {key: tuple(value.shape) for key, value in built.state_dict().items()}
    if missing := sorted(expected.keys() - weights.keys()):
        raise _misfit(path, layout, f"nothing in it fits {missing[0]}")
    for key, shape in expected.items():
        if tuple(weights[key].shape) != shape:
            found = tuple(weights[key].shape)
            raise _misfit(path, layout, f"{key} has shape {found} instead of {shape}")
    built.load_state_dict(_in_rgb(weights, layout), strict=True)
    return model_bytes(built, ModelInfo(network, kind.config, layout.task), dtype=torch.float32)


def _tensors(path: Path) -> dict[str, Tensor]:
    """The weights in a checkpoint, without the prefix that DataParallel adds."""
    if not path.is_file():
        raise ModelError(f"There is no checkpoint {path}.")
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError):
        raise ModelError(
            f"{path} is no intact PyTorch checkpoint of plain tensors: save its state_dict() alone."
        ) from None
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ModelError(f"{path} holds more than named tensors: save its state_dict() alone.")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def _renamed(tensors: dict[str, Tensor], layout: Layout, path: Path) -> dict[str, Tensor]:
    renamed = {}
    for key, value in tensors.items():
        layer, _, part = key.rpartition(".")
        if layer not in layout.layers:
            raise _misfit(path, layout, f"its {key} has no place there")
        renamed[f"{layout.layers[layer]}.{part}"] = value
    return renamed


def _in_rgb(weights: dict[str, Tensor], layout: Layout) -> dict[str, Tensor]:
    turned = dict(weights)
    for layer in layout.bgr_inputs:
        weight = weights[f"{layer}.weight"]
        turned[f"{layer}.weight"] = torch.cat([weight[:, :3].flip(1), weight[:, 3:]], 1)
    for layer in layout.bgr_outputs:
        for key in (f"{layer}.weight", f"{layer}.bias"):
            turned[key] = weights[key].flip(0)
    return turned


def _misfit(path: Path, layout: Layout, why: str) -> ModelError:
    return ModelError(f"{path} is no checkpoint of the network of {layout.source}: {why}.")
