"""One run over several processes, as `torchrun` starts them: each takes its share of every batch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from deraincli.errors import UsageError


@dataclass(frozen=True)
class Processes:
    """This process among those of the run."""

    rank: int = 0
    count: int = 1

    def share(self, batch: int) -> range:
        """The indices of a batch's crops that this process computes. Raises UsageError if uneven."""
        if batch % self.count:
            raise UsageError(f"data.batch = {batch} does not divide among {self.count} processes.")
        size = batch // self.count
        return range(self.rank * size, (self.rank + 1) * size)

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network as a training step calls it: gradients averaged over the processes."""
        return DistributedDataParallel(network) if self.count > 1 else network


@contextmanager
def processes() -> Iterator[Processes]:
    """Joins the group that `torchrun` describes in the environment; alone without one."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    dist.init_process_group("gloo")
    try:
        yield Processes(dist.get_rank(), count)
    finally:
        dist.destroy_process_group()
