"""Learns the GMM solver's prior of clean backgrounds from photos."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deraincli.data.layouts import pictures
from deraincli.errors import InputError
from deraincli.imaging.codec import decode
from deraincli.imaging.colour import rgb_to_grey
from deraincli.peers.mixture import SIDE, PatchMixture, fit, without_mean

SEED = 0

OnProgress = Callable[[int, int], None]


def learn_prior(
    folder: Path,
    *,
    components: int,
    rank: int,
    patches: int,
    passes: int,
    max_pixels: int,
    on_progress: OnProgress | None = None,
) -> PatchMixture:
    """A mixture learnt from about `patches` patches of the photos in a folder, equally many from each.

    Raises InputError if there is no photo, or one that cannot be read or is smaller than a patch.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder '{folder}': name a folder of clean photos.")
    photos = pictures(folder)
    if not photos:
        raise InputError(f"There is no picture in '{folder}': name a folder of clean photos.")
    rng = np.random.default_rng(SEED)
    each = -(-patches // len(photos))
    samples = np.concatenate([_sample(photo, each, rng, max_pixels) for photo in photos])
    mixtures = fit(samples, components, rank, rng)
    mixture = next(mixtures)
    for done, mixture in enumerate(islice(mixtures, passes), start=1):  # noqa: B007
        if on_progress:
            on_progress(done, passes)
    return mixture


def _sample(photo: Path, count: int, rng: np.random.Generator, max_pixels: int) -> NDArray[np.float32]:
    """Patches from anywhere in a photo, their means taken off."""
    pixels = decode(photo, max_pixels=max_pixels).pixels
    if min(pixels.shape[:2]) < SIDE:
        raise InputError(f"'{photo}' is smaller than {SIDE}×{SIDE}: take it out of the folder.")
    grey = pixels if pixels.shape[2] == 1 else rgb_to_grey(pixels)
    plane = (grey[..., 0] / np.iinfo(grey.dtype).max).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(plane, (SIDE, SIDE))
    rows, columns = (rng.integers(0, side, count) for side in windows.shape[:2])
    return without_mean(windows[rows, columns].reshape(count, -1))[0]
