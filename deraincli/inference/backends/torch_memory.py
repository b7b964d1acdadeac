"""How large a tile a device's memory allows, and what running out of it looks like."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from deraincli.errors import DeviceError

CPU_BUDGET = 192 * 2**20
"""Bytes that a tile's activations take on a CPU. Measured best in bf16 and fp32 alike: with more, single
activations pass the 32 MB from which malloc maps fresh pages each time, and a pixel takes two to three
times as long; with less, tiles consist mostly of overlap."""

LARGEST_SIDE = 2048
"""Larger tiles gain nothing on any device, and stay clear of 32-bit indices in kernels."""

_OUT_OF_MEMORY = (
    "DefaultCPUAllocator",
    "MPS backend out of memory",
    "CUDA out of memory",
    "CUDA error: out of memory",
)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says that memory ran out. On CPU and MPS only its text shows it."""
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in _OUT_OF_MEMORY)


@contextmanager
def room_for_network(device: torch.device) -> Iterator[None]:
    """Turns running out of memory, before there is any tile to halve, into a DeviceError."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceError(
            f"'{device}' has no memory left for the network: free some, or set device to 'cpu'."
        ) from error


def free_memory(device: torch.device) -> int:
    """Bytes that a new tile could use."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return psutil.virtual_memory().available


def affordable_side(bytes_per_pixel: float, device: torch.device, *, least: int) -> int:
    """Side of the square tile to use: the largest for half of the free memory, within the limits above.

    The CPU's budget gives way where it allows less than `least`; free memory does not.
    """

    def side(budget: int) -> int:
        return math.isqrt(int(budget / bytes_per_pixel))

    best = max(side(CPU_BUDGET), least) if device.type == "cpu" else LARGEST_SIDE
    return max(min(best, side(free_memory(device) // 2)), 1)


def peak_bytes(run: Callable[[], object]) -> int:
    """The most bytes that tensors made by `run` take at once; scratch space inside of kernels is not seen."""
    with _Watch() as watch:
        run()
    return watch.peak


class _Watch(TorchFunctionMode):
    """Follows every tensor that a function of torch returns from its birth to its release."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._live: dict[int, int] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self._follow(result.untyped_storage())
        return result

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key = storage.data_ptr()
        if key not in self._live:
            self._live[key] = storage.nbytes()
            self.peak = max(self.peak, sum(self._live.values()))
            weakref.finalize(storage, self._live.pop, key)
