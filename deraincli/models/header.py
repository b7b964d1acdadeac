"""Reads the description of a model file from its header only, quickly and without PyTorch."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from deraincli.errors import ModelError, missing_model

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "README.md"
"""Names of the files in a folder of the Hugging Face Hub."""

TASKS = ("auto", "streak", "drop")
EXPORT_SUFFIXES = (".onnx", ".openvino", ".pt2")
"""Suffixes of exports, which are not accepted as models here."""

BATCH_NORM_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
"""Buffers of batch normalisation, which are not learnable."""


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
    """Shape of every weight in the file."""
    source: Path
    """File that describes network, config and task. It is the model file or the config.json next to it."""

    @property
    def parameters(self) -> int:
        """Number of learnable parameters."""
        learnable = (shape for key, shape in self.shapes.items() if not key.endswith(BATCH_NORM_BUFFERS))
        return sum(math.prod(shape) for shape in learnable)


def read_header(path: Path) -> Header:
    """Reads the header of a model file.

    If `model.safetensors` does not name its network, the `config.json` next to it is read instead.

    Args:
        path: The model file.

    Returns:
        The description.

    Raises:
        ModelError: The file is missing, damaged or not a model of this package.
    """
    if not path.is_file():
        raise missing_model(path)
    metadata: dict[str, str] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            for key in file.keys():  # noqa: SIM118 (no mapping)
                shapes[key] = tuple(file.get_slice(key).get_shape())
    except (SafetensorError, OSError) as error:
        raise ModelError(_unreadable(path, error)) from None
    description, source = _description(metadata, path)
    network, config = description.get("network"), description.get("config")
    if not isinstance(network, str) or not isinstance(config, dict):
        raise ModelError(f"{path} is not a model of deraincli: it names neither network nor config.")
    task = description.get("task", "auto")
    if task not in TASKS:
        raise ModelError(f"{path} is made for an unknown task: export or train it for {', '.join(TASKS)}.")
    return Header(network, config, task, shapes, source)


def sha256(path: Path) -> str:
    """Computes the SHA-256 of a file.

    Args:
        path: The file.

    Returns:
        The hash in hexadecimal.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def blob_sha256(weights: Path) -> str | None:
    """Returns the SHA-256 that the Hugging Face Hub reported for a file in its cache.

    Args:
        weights: The file. The cache names large files after their hash.

    Returns:
        The hash in hexadecimal, None if the cache does not name the file after it.
    """
    name = weights.resolve().name
    return name if re.fullmatch("[0-9a-f]{64}", name) else None


def _description(metadata: dict[str, str], path: Path) -> tuple[dict[str, Any], Path]:
    """Reads network, config and task from a file's metadata or from the config.json next to it.

    Returns:
        The description and the file that it comes from.
    """
    beside = path.with_name(CONFIG_FILE)
    on_hub = "network" not in metadata and path.name == WEIGHTS_FILE
    source = beside if on_hub and beside.is_file() else path
    try:
        if source == path:
            return {**metadata, "config": json.loads(metadata.get("config", "null"))}, source
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
    return f"{path} is not an intact model file ({error}): name another, or fetch it again."
