"""Batches of training crops: clean photos rained on at random.

A crop depends on the seed, its step and its place in the batch alone, so a resumed run sees the same
data as an unbroken one, however many processes share the work.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from deraincli.errors import InputError
from deraincli.rain.recorded import RecordedLayers
from deraincli.rain.streaks import add_rain, heavy_rain, light_rain
from deraincli.training.config import DataConfig

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}


class SyntheticRain(Dataset[tuple[Tensor, Tensor]]):
    """Item `step` is that step's batch: rainy and clean, each uint8 B×3×H×W."""

    def __init__(self, config: DataConfig, root: Path, seed: int, share: range) -> None:
        """Reads all photos into memory; `share`: which crops of every batch to make.

        Raises InputError if there are no photos.
        """
        self.config = config
        self.seed = seed
        self.share = share
        self.photos = [photo for folder in config.clean for photo in _read_photos(root / folder, config.crop)]
        self.recorded = RecordedLayers(root / config.layers) if config.layers else None

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        pairs = [self._pair(np.random.default_rng([self.seed, step, index])) for index in self.share]
        rainy, clean = (np.stack(side).transpose(0, 3, 1, 2) for side in zip(*pairs, strict=True))
        return torch.from_numpy(np.ascontiguousarray(rainy)), torch.from_numpy(np.ascontiguousarray(clean))

    def _pair(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        side = self.config.crop
        clean = _crop(self.photos[int(rng.integers(len(self.photos)))], side, rng)
        if rng.random() < self.config.dry_share:
            return clean, clean
        heavy = rng.random() < self.config.heavy_share
        if self.recorded is not None and rng.random() < self.config.layer_share:
            return add_rain(clean, self.recorded.sample(side, side, rng, heavy=heavy)), clean
        draw = heavy_rain if heavy else light_rain
        return add_rain(clean, draw(side, side, rng)), clean


def batches(data: SyntheticRain, first: int, last: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of steps first … last − 1, made ahead by worker processes."""
    workers = data.config.workers
    ahead = 8 if workers else None
    loader = DataLoader(
        data,
        batch_size=None,
        sampler=range(first, last),
        num_workers=workers,
        prefetch_factor=ahead,
        worker_init_fn=_leave_interrupts_to_the_parent,
    )
    return iter(loader)


def _leave_interrupts_to_the_parent(worker: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _crop(photo: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A square crop, at times shrunk, mirrored, or with its brightness and tint changed."""
    largest = min(photo.shape[:2]) / side
    factor = float(rng.uniform(1, min(largest, 2))) if rng.random() < 0.3 else 1.0
    source = int(side * factor)
    y, x = (int(rng.integers(extent - source + 1)) for extent in photo.shape[:2])
    crop = photo[y : y + source, x : x + source]
    if source != side:
        crop = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    if rng.random() < 0.3:
        exponent = np.exp(rng.normal(0, 0.3)) * np.exp(rng.normal(0, 0.04, 3))
        table = np.rint(255 * (np.arange(256)[:, None] / 255) ** exponent).astype(np.uint8)
        crop = cv2.LUT(np.ascontiguousarray(crop), table.reshape(256, 1, 3))
    return np.ascontiguousarray(crop)


def _read_photos(folder: Path, side: int) -> list[NDArray[np.uint8]]:
    """All photos below a folder as RGB, but for those smaller than a crop."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    decoded = (cv2.imread(str(path), cv2.IMREAD_COLOR) for path in paths)
    photos = [cv2.cvtColor(photo, cv2.COLOR_BGR2RGB) for photo in decoded if photo is not None]
    photos = [photo for photo in photos if min(photo.shape[:2]) >= side]
    if not photos:
        raise InputError(f"No clean photos of at least {side} pixels a side in {folder}.")
    return photos
