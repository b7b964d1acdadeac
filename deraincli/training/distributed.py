"""One run over several processes, as `torchrun` starts them: each takes its share of every batch."""

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

PATIENCE = timedelta(hours=2)
"""How long processes wait for each other: one of them validates while the others wait."""


CPU = torch.device("cpu")


@dataclass(frozen=True)
class ProcessGroup:
    """This process among those of the run, and the device it computes on."""

    rank: int = 0
    count: int = 1
    device: torch.device = CPU

    def local_indices(self, batch: int) -> range:
        """The indices of a batch's crops that this process computes. Raises UsageError if uneven."""
        if batch % self.count:
            raise UsageError(f"data.batch = {batch} does not divide among {self.count} processes.")
        size = batch // self.count
        return range(self.rank * size, (self.rank + 1) * size)

    def data_parallel(self, network: nn.Module) -> nn.Module:
        """The network as a training step calls it: gradients averaged over the processes."""
        if self.count == 1:
            return network
        return DistributedDataParallel(network, [self.device] if self.device.type == "cuda" else None)

    def all_reduce_max(self, values: Sequence[float]) -> list[float]:
        """Of each value the largest of any process, the same in all of them."""
        if self.count == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(shared, dist.ReduceOp.MAX)
        return shared.tolist()


def averaging(wrapped: nn.Module, wanted: bool) -> AbstractContextManager[None]:
    """Inside, a backward pass averages gradients over processes only if `wanted`."""
    if wanted or not isinstance(wrapped, DistributedDataParallel):
        return nullcontext()
    return wrapped.no_sync()


@contextmanager
def processes(device: torch.device) -> Iterator[ProcessGroup]:
    """Joins the group that `torchrun` describes in the environment; alone without one.

    On CUDA every process of a machine takes the GPU of its own number. Raises DeviceError if there are
    fewer.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ProcessGroup(device=device)
        return
    if device.type == "cuda":
        device = _own_gpu(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
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
