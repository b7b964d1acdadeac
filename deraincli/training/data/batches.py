"""Batches of training crops.

A crop depends on the seed, its step and its place in the batch alone, so a resumed run sees the same
data as an unbroken one, however many processes share the work.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from deraincli.imaging.image import Picture
from deraincli.training.data.config import DataConfig
from deraincli.training.data.sources import open_sources

AHEAD = 8
"""Batches that each worker process makes in advance."""


class TrainingData(Dataset[tuple[Tensor, Tensor]]):
    """Item `step` is that step's batch: rainy and clean, each uint8 B×3×H×W.

    scenes: everything that is read.
    skipped: a sentence for every picture or pair that was left out.
    known: files that belong to a known test set, with its name.
    """

    def __init__(self, config: DataConfig, root: Path, seed: int, share: range) -> None:
        """`root`: what the config's paths are relative to; `share`: which crops of every batch to make.

        Raises UsageError and InputError as `open_sources`.
        """
        self.seed = seed
        self.share = share
        self.sources, shares = open_sources(config, root)
        self.scenes = [scenes for source in self.sources for scenes in source.scenes]
        self._bounds = np.cumsum(shares)[:-1]
        self.skipped = [sentence for scenes in self.scenes for sentence in scenes.skipped]
        self.known = [found for scenes in self.scenes for found in scenes.known]

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        pairs = [self._pair(np.random.default_rng([self.seed, step, index])) for index in self.share]
        rainy, clean = (np.stack(side).transpose(0, 3, 1, 2) for side in zip(*pairs, strict=True))
        return torch.from_numpy(np.ascontiguousarray(rainy)), torch.from_numpy(np.ascontiguousarray(clean))

    def _pair(self, rng: np.random.Generator) -> tuple[Picture, Picture]:
        chosen = int(np.searchsorted(self._bounds, rng.random(), side="right"))
        return self.sources[chosen].pair(rng)


def batches(data: TrainingData, first: int, last: int, workers: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of steps first … last − 1, made ahead by worker processes, or here if there are none."""
    loader = DataLoader(
        data,
        batch_size=None,
        sampler=range(first, last),
        num_workers=workers,
        prefetch_factor=AHEAD if workers else None,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_leave_interrupts_to_the_parent,
    )
    return iter(loader)


class Feed:
    """Batches in turn, with the time that was spent waiting for them."""

    def __init__(self, source: Iterator[tuple[Tensor, Tensor]]) -> None:
        self._source = source
        self.waited = 0.0
        """Seconds."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            began = time.monotonic()
            batch = next(self._source, None)
            self.waited += time.monotonic() - began
            if batch is None:
                return
            yield batch


def _leave_interrupts_to_the_parent(worker: int) -> None:
    """Ctrl-C reaches every process of the terminal, but only the training process may act on it.

    SIGTERM, by which the parent ends a worker, gets back the effect that the parent has put off for itself.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
