"""Learns the prior of clean photos that the GMM method uses, as the shipped one was learnt.

    python examples/classical/learn_background_prior.py PHOTOS -o weights/gmm-background.safetensors

PHOTOS is a folder of clean photos. Every photo gives equally many patches of 8×8 luminances. A mixture of
Gaussians is fitted to them by expectation maximisation. The default sizes are those of the shipped prior,
which was learnt from 638 photos. `derain image -m gmm` reads weights/gmm-background.safetensors alone.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deraincli.files.walk import pictures
from deraincli.imaging.colour import rgb_to_grey
from deraincli.imaging.decode import decode
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.models.classical.patch_mixture import SIDE, fit, save, without_mean

SEED = 0


def sample(photo: Path, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Patches from anywhere in a photo, as rows without their means."""
    pixels = decode(photo, max_pixels=DEFAULT_MAX_PIXELS).pixels
    grey = pixels if pixels.shape[2] == 1 else rgb_to_grey(pixels)
    plane = (grey[..., 0] / np.iinfo(grey.dtype).max).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(plane, (SIDE, SIDE))
    rows, columns = (rng.integers(0, side, count) for side in windows.shape[:2])
    return without_mean(windows[rows, columns].reshape(count, -1))[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, help="a folder of clean photos, each of 8×8 pixels at least")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the file to write")
    parser.add_argument("--components", type=int, default=200, help="Gaussians in the mixture")
    parser.add_argument("--rank", type=int, default=16, help="directions that each Gaussian keeps of 64")
    parser.add_argument("--patches", type=int, default=80_000, help="patches to learn from")
    parser.add_argument("--passes", type=int, default=15, help="steps of expectation maximisation")
    options = parser.parse_args()
    photos = pictures(options.photos)
    if not photos:
        parser.error(f"there is no picture in {options.photos}")

    rng = np.random.default_rng(SEED)
    each = -(-options.patches // len(photos))
    patches = np.concatenate([sample(photo, each, rng) for photo in photos])
    mixtures = fit(patches, options.components, options.rank, rng)
    mixture = next(mixtures)
    for done, mixture in enumerate(islice(mixtures, options.passes), start=1):  # noqa: B007
        print(f"{done} of {options.passes} steps", flush=True)
    options.output.write_bytes(save(mixture))


if __name__ == "__main__":
    main()
