"""Pairs per second that one core makes for training.

    python tests/performance/synthesis.py

Process time, so that other work on the machine counts less; a crop and all drawing of its rain.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np

from deraincli.rain.drops import add_drops
from deraincli.rain.perspective_streaks import perspective_rain
from deraincli.rain.streaks import add_rain, heavy_rain

PAIRS = 200


def light(clean: np.ndarray, rng: np.random.Generator) -> None:
    add_rain(clean, perspective_rain(*clean.shape[:2], rng))


def heavy(clean: np.ndarray, rng: np.random.Generator) -> None:
    add_rain(clean, heavy_rain(*clean.shape[:2], rng))


def drops(clean: np.ndarray, rng: np.random.Generator) -> None:
    add_drops(clean, rng)


def pairs_per_second(draw: Callable[[np.ndarray, np.random.Generator], None], side: int) -> float:
    clean = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    began = time.process_time()
    for seed in range(PAIRS):
        draw(clean, np.random.default_rng(seed))
    return PAIRS / (time.process_time() - began)


def main() -> None:
    cv2.setNumThreads(1)
    print(f"pairs a second on one core, {PAIRS} each")
    for name, draw in {"light streaks": light, "heavy streaks": heavy, "lens drops": drops}.items():
        speeds = "  ".join(f"{side}×{side}: {pairs_per_second(draw, side):5.0f}" for side in (96, 128))
        print(f"{name:14} {speeds}")


if __name__ == "__main__":
    main()
