"""Times whole restorations by backend, in turn: a large photo at its working size, and photos in tiles.

`python tests/performance/backends.py` prints CPU seconds. `derain bench` times single passes.
"""

from __future__ import annotations

import time

import cv2
import skimage.data

import deraincli
from deraincli.inference.backends.registry import EXPORT_BACKENDS
from deraincli.runtime import process

MODEL = "balnet-lite-streak"
BACKENDS = ("eager", *EXPORT_BACKENDS)
CASES = (
    ("12 megapixels at the working size", (4000, 3000), "auto", 3),
    ("1 megapixel in tiles", (1200, 800), "full", 3),
    ("12 megapixels in tiles", (4000, 3000), "full", 1),
)
"""Name, width and height, working side, number of rounds. The least time of all rounds counts."""


def main() -> None:
    process.prepare()
    for name, size, side, rounds in CASES:
        photo = cv2.resize(skimage.data.coffee(), size, interpolation=cv2.INTER_CUBIC)
        derainers = {
            backend: deraincli.load(MODEL, device="cpu", backend=backend, working_side=side)
            for backend in BACKENDS
        }
        seconds: dict[str, list[float]] = {backend: [] for backend in BACKENDS}
        for derainer in derainers.values():
            derainer(photo[:928, :928] if rounds == 1 else photo)  # kernels are chosen or compiled
        for _ in range(rounds):
            for backend, derainer in derainers.items():
                begin = time.process_time()
                derainer(photo)
                seconds[backend].append(time.process_time() - begin)
        first = min(seconds["eager"])
        for backend, measured in seconds.items():
            how = f"{backend} {derainers[backend].precision}"
            print(f"{name}: {how} {min(measured):.2f} s, {first / min(measured):.2f} times as fast")


if __name__ == "__main__":
    main()
