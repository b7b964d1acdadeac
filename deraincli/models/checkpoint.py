"""Reads and writes model files, which are safetensors files with the network's name and config.

Training state is kept separately, see `deraincli.training.state`.
"""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from deraincli.errors import ModelError, UsageError
from deraincli.geometry import round_up
from deraincli.models.base import RestorationNetwork
from deraincli.models.config_io import dump_config, parse_config
from deraincli.models.header import Header, read_header
from deraincli.models.registry import NETWORKS

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_NUMBER = 10_000
"""Largest number accepted in a config."""


@dataclass(frozen=True)
class ModelInfo:
    """Description of a model file, without its weights."""

    network: str
    """A name of the table in `deraincli.models.registry`."""
    config: DataclassInstance
    """That network's frozen config."""
    task: str
    """`streak`, `drop` or `auto` (either)."""


def model_bytes(network: nn.Module, info: ModelInfo, *, dtype: torch.dtype = torch.float16) -> bytes:
    """Serialises a network as a model file.

    Args:
        network: The network.
        info: The description to store.
        dtype: Type of the stored weights, float32 or float16. float16 takes half the space without a
            measurable loss of quality.

    Returns:
        The file's content, the same for the same network.
    """
    state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in network.state_dict().items()}
    weights = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    config = json.dumps(dump_config(info.config), sort_keys=True)
    return _in_order(save(weights, {"network": info.network, "config": config, "task": info.task}))


def _in_order(data: bytes) -> bytes:
    """Sorts the metadata of a safetensors file, which the library writes in an order of chance."""
    start, end = 8, 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[start:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text = text.ljust(round_up(len(text), 8))  # the format aligns the weights
    return len(text).to_bytes(8, "little") + text + data[end:]


def load_model(path: Path) -> tuple[RestorationNetwork, ModelInfo]:
    """Rebuilds the network of a model file with its weights, in float32, on the CPU, in eval mode.

    Names and shapes of all tensors are checked before any weight is read or allocated.

    Args:
        path: The model file.

    Returns:
        The network and the file's description.

    Raises:
        ModelError: The file is missing, is not a model of this package, or does not fit its own config.
    """
    header = read_header(path)
    info = _info(header, path)
    misfit = ModelError(f"The weights in {path} do not fit the network they describe.")
    try:
        with torch.device("meta"), _Budget(header.shapes), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch warns of layers without weights, which do not fit
            network = NETWORKS[info.network].build(info.config)
    except (_OverBudgetError, RuntimeError, ValueError):  # PyTorch refuses some sizes with the last two
        raise misfit from None
    expected = network.state_dict()
    if {key: tuple(value.shape) for key, value in expected.items()} != header.shapes:
        raise misfit
    with safe_open(path, "pt") as file:
        # The weights are copied, because the file's own tensors are mapped from the disk.
        weights = {key: file.get_tensor(key).to(kept.dtype, copy=True) for key, kept in expected.items()}
    network.load_state_dict(weights, strict=True, assign=True)
    return network.eval(), info


def refuse_not_finite(network: nn.Module, path: Path) -> None:
    """Checks that all weights of a network are finite.

    Args:
        network: The network.
        path: The file that it was read from.

    Raises:
        ModelError: A weight is NaN or infinite.
    """
    for key, value in network.state_dict().items():
        if not value.isfinite().all():
            raise ModelError(f"{key} in {path} is not finite, so it is of no use: train or fetch it anew.")


class _OverBudgetError(Exception):
    """A network creates more than its file holds."""


class _Budget(TorchFunctionMode):
    """Stops the construction of a network that creates more tensors or elements than its file holds.

    Modules create some tensors besides their weights, such as kernels and windows, so the limits are
    generous. Random initialisation is skipped, because the file's weights replace it. On the meta device it
    would import PyTorch's compiler, which is slow.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        super().__init__()
        self._tensors = 2 * len(shapes) + 100
        self._elements = 2 * sum(map(math.prod, shapes.values())) + 1_000_000

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (Tensor.normal_, Tensor.uniform_):
            return args[0]
        result = func(*args, **(kwargs or {}))
        if func is torch.empty:
            self._tensors -= 1
            self._elements -= result.numel()
            if self._tensors < 0 or self._elements < 0:
                raise _OverBudgetError
        return result


def _info(header: Header, path: Path) -> ModelInfo:
    if header.network not in NETWORKS:
        raise ModelError(f"{path} is not a model of deraincli: it names no network that this version knows.")
    config_class = type(NETWORKS[header.network].config)
    try:
        _refuse_absurd(header.config)
        config = parse_config(config_class, header.config, source=str(header.source))
    except (UsageError, ValueError) as error:
        raise ModelError(
            f"The config in {header.source} is damaged ({error}); fetch the file again."
        ) from None
    return ModelInfo(header.network, config, header.task)


def _refuse_absurd(value: Any) -> None:
    """Raises ValueError if a number of a config is negative or larger than MAX_NUMBER."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            _refuse_absurd(part)
    elif isinstance(value, int | float) and not 0 <= value <= MAX_NUMBER:
        raise ValueError(f"{value} is absurd")
