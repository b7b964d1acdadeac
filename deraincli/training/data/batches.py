"""Batches of training crops.

A crop depends only on the seed, its step and its place in the batch. So a resumed run sees the same data as
an uninterrupted one, whatever the number of processes.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from deraincli.errors import InputError
from deraincli.pixels import Picture
from deraincli.training.data.config import DataConfig
from deraincli.training.data.sources import open_sources

AHEAD = 8
"""Batches that each worker process makes in advance."""


class TrainingData(Dataset[tuple[Tensor, Tensor] | InputError]):
    """The batches of a run. Item `step` is the batch of that step: rainy and clean, each B×3×H×W uint8.

    If an image can no longer be read, the item is the error. A worker process cannot raise it, because
    PyTorch would put a traceback into its message.
    """

    def __init__(self, config: DataConfig, root: Path, seed: int, share: range) -> None:
        """Opens the sources.

        Args:
            config: The settings of the data.
            root: Folder that the config's paths are relative to.
            seed: Seed of the run.
            share: Places in the batch of the crops to make.

        Raises:
            UsageError: The config names no source, or contradicts itself.
            InputError: A folder holds nothing that can be used.
        """
        self.seed = seed
        self.share = share
        self.sources, shares = open_sources(config, root)
        self.scenes = [scenes for source in self.sources for scenes in source.scenes]
        """All image pools that are read."""
        self._bounds = np.cumsum(shares)[:-1]
        self.skipped = [sentence for scenes in self.scenes for sentence in scenes.skipped]
        """A sentence for every picture or pair that was left out."""
        self.known = [found for scenes in self.scenes for found in scenes.known]
        """Files that belong to a known test set, with its name."""

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor] | InputError:
        try:
            pairs = [self._pair(np.random.default_rng([self.seed, step, index])) for index in self.share]
        except InputError as error:
            return error
        rainy, clean = (np.stack(side).transpose(0, 3, 1, 2) for side in zip(*pairs, strict=True))
        return torch.from_numpy(np.ascontiguousarray(rainy)), torch.from_numpy(np.ascontiguousarray(clean))

    def _pair(self, rng: np.random.Generator) -> tuple[Picture, Picture]:
        chosen = int(np.searchsorted(self._bounds, rng.random(), side="right"))
        return self.sources[chosen].pair(rng)


def batches(
    data: TrainingData, first: int, last: int, workers: int
) -> Iterator[tuple[Tensor, Tensor] | InputError]:
    """Yields the batches of steps first … last − 1, or the error that prevents one.

    Args:
        data: The batches.
        first: The first step.
        last: The step after the last one.
        workers: Number of processes that make batches in advance. 0 makes them in this process.
    """
    loader = DataLoader(
        data,
        batch_size=None,
        sampler=range(first, last),
        num_workers=workers,
        prefetch_factor=AHEAD if workers else None,
        pin_memory=torch.cuda.is_available(),
        multiprocessing_context="fork" if workers and sys.platform == "linux" else None,  # shares the images
        worker_init_fn=_leave_interrupts_to_the_parent,
    )
    return iter(loader)


class Feed:
    """Iterates over batches and measures the time spent waiting for them.

    The iteration raises InputError if a batch cannot be made.
    """

    def __init__(self, source: Iterator[tuple[Tensor, Tensor] | InputError]) -> None:
        self._source = source
        self.waited = 0.0
        """Time spent waiting, in seconds."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            began = time.monotonic()
            batch = next(self._source, None)
            self.waited += time.monotonic() - began
            if batch is None:
                return
            if isinstance(batch, InputError):
                raise batch
            yield batch


def _leave_interrupts_to_the_parent(worker: int) -> None:
    """Ignores Ctrl-C, which reaches every process of the terminal. Only the training process reacts to it.

    The parent ends a worker by SIGTERM, so its default action, which the parent has deferred, is restored.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
