"""Compares the way of restoring large photos with other ways, on pairs of our own.

    python tests/performance/large.py PHOTO ... [--megapixels 1 3] [--rain fine mixed] [--crop FILE]

Each clean photo is brought to the given size (bicubic), and rain is added:

- fine: streaks about a pixel wide, whatever the size of the photo
- broad: the same rain with an angular size, as large as in a photo of 400 pixels a side enlarged
- mixed: both, and rain between them
- soft: rain of 400 pixels a side, enlarged (bicubic), as if it were out of focus

PSNR of RGB in dB, SSIM of luma, and the halo: the share of rain-free pixels within 8 pixels of a streak that
are more than 3 levels darker than in the clean photo. `beyond` is the same share 8 to 16 pixels from the
nearest streak. It shows how much of the halo is the network's error anywhere. `enlarged` is the former way:
the change at a shorter side of 400, enlarged and added. Photos that took part in training say little.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import PIL.Image

import deraincli
from deraincli.evaluation.metrics import psnr
from deraincli.inference.working_size import USUAL_SIDE
from deraincli.rain.perspective_streaks import perspective_rain

KINDS = ("fine", "broad", "mixed", "soft")
REACH = 8
"""Pixels around a streak in which a halo is looked for."""
RAIN = 8
"""Levels above which a pixel belongs to a streak."""
CROP = 320
"""Side of the crops in pixels."""
DARKER = 3
"""Levels by which a pixel of a halo is darker than the clean one."""


def rain(height: int, width: int, kind: str, rng: np.random.Generator) -> np.ndarray:
    """A layer of rain in whole levels, H×W."""
    scale = min(height, width) / USUAL_SIDE
    scales = {"fine": [1.0], "broad": [scale], "mixed": [1.0, scale**0.5, scale]}
    if kind == "soft":
        layer = perspective_rain(round(height / scale), round(width / scale), rng)
        layer = cv2.resize(layer, (width, height), interpolation=cv2.INTER_CUBIC).clip(0)
    else:
        layer = sum(perspective_rain(height, width, rng, scale=size) for size in scales[kind])
    return np.rint(255 * layer)


def enlarged(rainy: np.ndarray, derainer: deraincli.Derainer) -> np.ndarray:
    """The former way: the change at the usual side, enlarged and added."""
    scale = USUAL_SIDE / min(rainy.shape[:2])
    size = (round(rainy.shape[1] * scale), round(rainy.shape[0] * scale))
    smaller = cv2.resize(rainy, size, interpolation=cv2.INTER_AREA)
    change = derainer(smaller).astype(np.float32) - smaller
    change = cv2.resize(change, rainy.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.rint(rainy + change).clip(0, 255).astype(np.uint8)


def dark_shares(image: np.ndarray, clean: np.ndarray, layer: np.ndarray) -> tuple[float, float]:
    """Shares of rain-free pixels that are too dark (%): up to REACH pixels from streaks, and beyond."""
    distance = cv2.distanceTransform((layer <= RAIN).astype(np.uint8), cv2.DIST_L2, 5)
    dark = (image.astype(np.int16) - clean).min(2) < -DARKER
    near = (layer == 0) & (distance <= REACH)
    beyond = (layer == 0) & (distance > REACH) & (distance <= 2 * REACH)
    return 100 * float(dark[near].mean()), 100 * float(dark[beyond].mean()) if beyond.any() else np.nan


def ssim(image: np.ndarray, clean: np.ndarray) -> float:
    from skimage.metrics import structural_similarity

    return float(structural_similarity(*(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY) for view in (image, clean))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--megapixels", nargs="+", type=float, default=[1.0])
    parser.add_argument("--rain", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--full", action="store_true", help="also restore at full size alone (slow)")
    parser.add_argument("--crop", type=Path, help="write the middle of the last pair by every way, 1:1")
    arguments = parser.parse_args()
    usual = deraincli.load("balnet-lite-streak")
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "rainy": lambda rainy: rainy,
        "enlarged": lambda rainy: enlarged(rainy, usual),
        "in passes": usual,
    }
    if arguments.full:
        ways["full"] = deraincli.load("balnet-lite-streak", working_side="full")
    for megapixels in arguments.megapixels:
        for kind in arguments.rain:
            scores: dict[str, list[tuple[float, ...]]] = {way: [] for way in ways}
            for seed, path in enumerate(arguments.photos):
                clean = np.asarray(PIL.Image.open(path).convert("RGB"))
                scale = (megapixels * 1e6 / (clean.shape[0] * clean.shape[1])) ** 0.5
                clean = cv2.resize(clean, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
                layer = rain(*clean.shape[:2], kind, np.random.default_rng(seed))
                rainy = np.clip(clean + layer[..., None], 0, 255).astype(np.uint8)
                images = {way: restore(rainy) for way, restore in ways.items()}
                for way, image in images.items():
                    gained = psnr(image, clean, data_range=255)
                    scores[way].append((gained, ssim(image, clean), *dark_shares(image, clean, layer)))
            for way, rows in scores.items():
                quality, likeness, dark, beyond = np.mean(rows, 0)
                figures = (
                    f"{quality:6.2f} dB  SSIM {likeness:.4f}  halo {dark:5.1f} %  beyond {beyond:5.1f} %"
                )
                print(f"{megapixels:4g} megapixels  {kind:6}  {way:9} {figures}", flush=True)
    if arguments.crop:
        row, column = (length // 2 - CROP // 2 for length in rainy.shape[:2])
        crops = [image[row : row + CROP, column : column + CROP] for image in images.values()]
        PIL.Image.fromarray(np.hstack(crops)).save(arguments.crop, quality=90)


if __name__ == "__main__":
    main()
