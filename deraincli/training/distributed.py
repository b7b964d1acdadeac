"""Runs one training over several processes that `torchrun` starts. Each computes a part of every batch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from deraincli.errors import DeviceError, UsageError

TIMEOUT = timedelta(hours=2)
"""How long processes wait for each other. One of them validates while the others wait."""

CPU = torch.device("cpu")


@dataclass(frozen=True)
class ProcessGroup:
    """The place of this process among the processes of the run."""

    rank: int = 0
    """Index of this process, from 0."""
    count: int = 1
    """Number of processes."""
    device: torch.device = CPU
    """Device that this process computes on."""

    def local_indices(self, batch: int) -> range:
        """Returns the indices of the crops of a batch that this process computes.

        Args:
            batch: Number of crops in the batch.

        Raises:
            UsageError: The crops cannot be divided evenly among the processes.
        """
        if batch % self.count:
            raise UsageError(f"data.batch = {batch} does not divide among {self.count} processes.")
        size = batch // self.count
        return range(self.rank * size, (self.rank + 1) * size)

    def data_parallel(self, network: nn.Module) -> nn.Module:
        """Wraps a network so that gradients are averaged over the processes."""
        if self.count == 1:
            return network
        return DistributedDataParallel(network, [self.device] if self.device.type == "cuda" else None)

    def all_reduce_max(self, values: Sequence[float]) -> list[float]:
        """Returns the largest of each value over all processes. The result is the same in all of them."""
        if self.count == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(shared, dist.ReduceOp.MAX)
        return shared.tolist()


def averaging(wrapped: nn.Module, wanted: bool) -> AbstractContextManager[None]:
    """Makes backward passes within the block average gradients over processes only if `wanted`."""
    if wanted or not isinstance(wrapped, DistributedDataParallel):
        return nullcontext()
    return wrapped.no_sync()


@contextmanager
def processes(device: torch.device) -> Iterator[ProcessGroup]:
    """Joins the process group that `torchrun` describes in the environment, if there is one.

    On CUDA, each process of a machine uses the GPU of its own number.

    Args:
        device: The device that the user chose.

    Yields:
        The group, which may have a single process.

    Raises:
        DeviceError: The machine has more processes than GPUs.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ProcessGroup(device=device)
        return
    if device.type == "cuda":
        device = _own_gpu(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    try:
        yield ProcessGroup(dist.get_rank(), count, device)
    finally:
        dist.destroy_process_group()


def _own_gpu(place: int) -> torch.device:
    if place >= torch.cuda.device_count():
        raise DeviceError(
            f"Process {place + 1} of this machine has no GPU of its own: start at most "
            f"{torch.cuda.device_count()} with torchrun --nproc-per-node."
        )
    torch.cuda.set_device(place)
    return torch.device("cuda", place)
