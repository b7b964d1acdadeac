"""Shows our rain layers beside recorded ones.

    python examples/rain/compare_streaks.py FRAMES -o compare.png

FRAMES is a folder of grey PNG pictures of rain, such as frames of Garg and Nayar's clip. The left half of
each row shows a part of a recorded frame, the right half as large a part of a layer of ours. Rows go from
faint to bright rain. Faint streaks are brightened.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.pixels import Floats
from deraincli.rain.perspective_streaks import perspective_layer, random_style

ENLARGED = 5
"""Pixels of the picture per pixel of a layer."""
PART = (110, 150)
"""Rows and columns shown of each layer."""
GREY = 90


def recorded(folder: Path) -> list[Floats]:
    """All frames of the folder, H×W in 0–1."""
    frames = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(folder.glob("*.png"))]
    if not frames:
        raise SystemExit(f"No PNG pictures in {folder}.")
    return [np.divide(frame, 255, dtype=np.float32) for frame in frames]


def ours(height: int, width: int, *, count: int, seed: int) -> list[Floats]:
    """Upright layers, as the frames of the clip are."""
    generators = np.random.default_rng(seed).spawn(count)
    return [perspective_layer(height, width, replace(random_style(rng), slant=0), rng) for rng in generators]


def some(layers: list[Floats], rows: int) -> list[NDArray[np.uint8]]:
    """Layers from the faintest to the brightest, evenly spread, their middles enlarged."""
    ranked = sorted(layers, key=lambda layer: float(layer.mean()))
    places = np.linspace(0.05, 0.95, rows) * (len(ranked) - 1)
    return [enlarged(ranked[round(place)]) for place in places]


def enlarged(layer: Floats) -> NDArray[np.uint8]:
    top, left = ((size - part) // 2 for size, part in zip(layer.shape, PART, strict=True))
    part = layer[top : top + PART[0], left : left + PART[1]]
    shown = np.rint(255 * np.sqrt(part)).astype(np.uint8)
    large = cv2.resize(shown, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_NEAREST)
    return np.pad(large, ENLARGED, constant_values=GREY)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("frames", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("compare.png"))
    parser.add_argument("--rows", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    frames = recorded(options.frames)
    height, width = frames[0].shape
    layers = ours(height, width, count=len(frames), seed=options.seed)
    pairs = zip(some(frames, options.rows), some(layers, options.rows), strict=True)
    cv2.imwrite(str(options.output), np.vstack([np.hstack(pair) for pair in pairs]))
    print(options.output)


if __name__ == "__main__":
    main()
