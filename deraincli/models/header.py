"""What a model file says of itself, read from its header alone: fast, without PyTorch, whatever its size."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from deraincli.errors import ModelError

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
"""The names that a folder of the Hugging Face Hub has for the two."""

TASKS = ("auto", "streak", "drop")
EXPORT_SUFFIXES = (".onnx", ".pt2")
"""Suffixes of files for other programs, which are no models here."""

BATCH_NORM_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
"""What batch normalisation keeps beside its parameters."""


@dataclass(frozen=True)
class Header:
    """A model file's description. Nothing here is checked against the network it names."""

    network: str
    """A name of the table in `deraincli.models.registry`, if this version knows it."""
    config: dict[str, Any]
    """That network's config."""
    task: str
    """`streak`, `drop` or `auto` (either)."""
    shapes: dict[str, tuple[int, ...]]
    """Of every weight in the file."""
    source: Path
    """Where network, config and task are told: the file itself, or the config.json beside it."""

    @property
    def parameters(self) -> int:
        """Learnable parameters."""
        learnable = (shape for key, shape in self.shapes.items() if not key.endswith(BATCH_NORM_BUFFERS))
        return sum(math.prod(shape) for shape in learnable)


def read_header(path: Path) -> Header:
    """Reads the header of a model file.

    A `model.safetensors` that says nothing of its network is described by the `config.json` beside it.
    Raises ModelError if the file is missing, no intact safetensors file, or no model of ours.
    """
    if not path.is_file():
        raise ModelError(f"There is no model file {path}.")
    said: dict[str, str] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    try:
        with safe_open(path, "numpy") as file:
            said = file.metadata() or {}
            for key in file.keys():  # noqa: SIM118 (no mapping)
                shapes[key] = tuple(file.get_slice(key).get_shape())
    except (SafetensorError, OSError) as error:
        raise ModelError(_unreadable(path, error)) from None
    description, source = _described(said, path)
    network, config = description.get("network"), description.get("config")
    if not isinstance(network, str) or not isinstance(config, dict):
        raise ModelError(f"{path} is no model of deraincli: neither network nor config is told in it.")
    task = description.get("task", "auto")
    if task not in TASKS:
        raise ModelError(
            f"{path} is made for a task that there is not: export or train it for {', '.join(TASKS)}."
        )
    return Header(network, config, task, shapes, source)


def sha256(path: Path) -> str:
    """The hash of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _described(said: dict[str, str], path: Path) -> tuple[dict[str, Any], Path]:
    """The network, config and task that a file's metadata, or else the config.json beside it, tell; and
    which of the two it was.
    """
    beside = path.with_name(CONFIG_FILE)
    source = beside if "network" not in said and path.name == WEIGHTS_FILE and beside.is_file() else path
    try:
        if source == path:
            return {**said, "config": json.loads(said.get("config", "null"))}, source
        description = json.loads(source.read_text(encoding="utf-8"))
        return description if isinstance(description, dict) else {}, source
    except (ValueError, RecursionError, OSError) as error:
        raise ModelError(f"The config in {source} is damaged ({error}); fetch the file again.") from None


def _unreadable(path: Path, error: Exception) -> str:
    if path.suffix in (".pt", ".pth", ".pkl", ".bin", ".ckpt"):
        return (
            f"{path} is a pickle, which can hold a program and is never loaded as a model: "
            "convert a published checkpoint with `derain weights import`."
        )
    if path.suffix in EXPORT_SUFFIXES:
        return f"{path} is an export for other programs: name the model that it was made from."
    return f"{path} is no intact safetensors file ({error}); fetch it again."
