"""Model files: safetensors that carry their network's name and config, so that a file alone is a model.

Training state is something else and kept apart, in `deraincli.training.state`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from deraincli.errors import ModelError, UsageError
from deraincli.frozen import from_mapping, to_mapping
from deraincli.networks import NETWORKS

MAX_PARAMETERS = 500_000_000
"""A config that asks for more is refused before its memory is taken."""


@dataclass(frozen=True)
class ModelInfo:
    """What a model file says of itself besides its weights."""

    network: str
    """A name of the table in `deraincli.networks`."""
    config: Any
    """That network's frozen config."""
    task: str
    """`streak`, `drop` or `auto` (either)."""


def model_bytes(network: nn.Module, info: ModelInfo) -> bytes:
    """A model file's content, the weights as float16: half the size, for no measurable loss of quality."""
    weights = {key: _stored(value) for key, value in network.state_dict().items()}
    config = json.dumps(to_mapping(info.config), sort_keys=True)
    return save(weights, {"network": info.network, "config": config, "task": info.task})


def load_model(path: Path) -> tuple[nn.Module, ModelInfo]:
    """Rebuilds the network of a model file with its weights, in float32, on the CPU, in eval mode.

    Raises ModelError if the file is missing, is no model of ours, or does not fit its own config.
    """
    info, weights = _read(path)
    with torch.device("meta"):
        network = NETWORKS[info.network].build(info.config)
    if sum(parameter.numel() for parameter in network.parameters()) > MAX_PARAMETERS:
        raise ModelError(f"{path} describes a network of absurd size; take the file from its source again.")
    network.to_empty(device="cpu")
    try:
        network.load_state_dict({key: value.float() for key, value in weights.items()}, strict=True)
    except RuntimeError:
        raise ModelError(f"The weights in {path} do not fit the network they describe.") from None
    return network.eval(), info


def _stored(value: Tensor) -> Tensor:
    value = value.half() if value.is_floating_point() else value
    return value.detach().cpu().contiguous()


def _read(path: Path) -> tuple[ModelInfo, dict[str, Tensor]]:
    if not path.is_file():
        raise ModelError(f"There is no model file {path}.")
    try:
        with safe_open(path, "pt") as file:
            said = file.metadata() or {}
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is no intact safetensors file ({error}); fetch it again.") from None
    return _info(said, path), weights


def _info(said: dict[str, str], path: Path) -> ModelInfo:
    name = said.get("network")
    if name not in NETWORKS or "config" not in said:
        raise ModelError(f"{path} is no model of deraincli: it names no network that this version knows.")
    config_class = type(NETWORKS[name].config)
    try:
        config = from_mapping(config_class, json.loads(said["config"]), source=str(path))
    except (json.JSONDecodeError, UsageError, ValueError) as error:
        raise ModelError(f"The config in {path} is damaged ({error}); fetch the file again.") from None
    return ModelInfo(name, config, said.get("task", "auto"))
