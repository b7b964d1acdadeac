"""Chooses the size of tiles by a device's free memory, and recognises errors of exhausted memory."""

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
"""Bytes of a tile's activations on a CPU, measured as the fastest in bf16 and in fp32. With more, single
activations exceed the 32 MB above which malloc maps fresh pages each time, and a pixel takes two to three
times as long. With less, tiles consist mostly of overlap."""

LARGEST_SIDE = 2048
"""Largest side of a tile, pixels. Larger tiles are faster on no device and could exceed 32-bit indices in
kernels."""

_OUT_OF_MEMORY = (
    "DefaultCPUAllocator",
    "MPS backend out of memory",
    "CUDA out of memory",
    "CUDA error: out of memory",
)
_ONEDNN_LACKS_MEMORY = "could not create a primitive"
"""All that oneDNN says. Its longer sentences that begin like this one mean kernels that it does not have."""


def is_out_of_memory(error: RuntimeError) -> bool:
    """Returns whether an error means that memory ran out. On CPU and MPS only its text shows it.

    Args:
        error: An error that PyTorch raised.

    Returns:
        Whether memory ran out.
    """
    text = str(error)
    return (
        isinstance(error, torch.OutOfMemoryError)
        or text == _ONEDNN_LACKS_MEMORY
        or any(part in text for part in _OUT_OF_MEMORY)
    )


@contextmanager
def room_for_network(device: torch.device) -> Iterator[None]:
    """Turns errors of exhausted memory in the block into a DeviceError.

    It is for work before the first tile, where smaller tiles cannot help.

    Args:
        device: The device that the message names.

    Yields:
        Nothing.

    Raises:
        DeviceError: Memory ran out in the block.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceError(
            f"'{device}' has no memory left for the network: free some, or set device to 'cpu'."
        ) from error


def free_memory(device: torch.device) -> int:
    """Returns the bytes that a new tile could use.

    Args:
        device: The device.

    Returns:
        Free memory, and memory that PyTorch reserved but does not use.
    """
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return psutil.virtual_memory().available


def affordable_side(bytes_per_pixel: float, device: torch.device, *, least: int) -> int:
    """Chooses the side of a square tile.

    Args:
        bytes_per_pixel: Memory of the activations, bytes per pixel of a tile.
        device: The device.
        least: Least useful side in pixels. It overrides CPU_BUDGET, but not the free memory.

    Returns:
        The largest side in pixels, 1 or more, whose activations fit in half of the free memory and within
        CPU_BUDGET (on a CPU) or LARGEST_SIDE (on other devices).
    """

    def side(budget: int) -> int:
        return math.isqrt(int(budget / bytes_per_pixel))

    best = max(side(CPU_BUDGET), least) if device.type == "cpu" else LARGEST_SIDE
    return max(min(best, side(free_memory(device) // 2)), 1)


def peak_bytes(run: Callable[[], object]) -> int:
    """Measures the peak memory of the tensors that a call creates.

    Args:
        run: The call.

    Returns:
        The peak in bytes. The scratch space inside of kernels is not counted.
    """
    with _TensorMemory() as memory:
        run()
    return memory.peak


class _TensorMemory(TorchFunctionMode):
    """Counts the memory of every tensor that a function of torch returns until the tensor is released."""

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
