"""Measures streaks by their width, in upright layers of rain: drawn ones, and recorded ones if there are any.

    python examples/rain/measure_streaks.py [FRAMES]

FRAMES is a folder of grey PNG pictures of rain, such as frames of Garg and Nayar's clip (600×320). A streak
is a set of pixels above 0 that touch along their sides. Its width and length are those of its bounding box,
its peak is its brightest pixel, of 255. Quantiles are 10, 50 and 90 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deraincli.rain.perspective_streaks import perspective_layer, random_style
from deraincli.reporting.markdown import markdown_table

SHAPE = (320, 600)
CLASSES = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 9), (10, 19))
"""Least and greatest width of each class, pixels."""
QUANTILES = (10, 50, 90)


class Streaks(NamedTuple):
    """Measures of streaks, one entry each."""

    widths: NDArray[np.int64]
    lengths: NDArray[np.int64]
    peaks: NDArray[np.float64]


def measure(layer: NDArray[np.uint8]) -> Streaks:
    """Measures the streaks of a layer.

    Args:
        layer: Upright rain on black, H×W.
    """
    labels, count = ndimage.label(layer)
    boxes = ndimage.find_objects(labels)
    tall, wide = (np.array([box[axis].stop - box[axis].start for box in boxes]) for axis in (0, 1))
    return Streaks(wide, tall, np.asarray(ndimage.maximum(layer, labels, np.arange(1, count + 1))))


def together(layers: Iterable[NDArray[np.uint8]]) -> Streaks:
    """Measures the streaks of several layers."""
    parts = [measure(layer) for layer in layers]
    return Streaks(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def by_class(streaks: Streaks) -> list[Streaks]:
    """Splits streaks by their width."""
    masks = [(streaks.widths >= low) & (streaks.widths <= high) for low, high in CLASSES]
    return [Streaks(*(values[mask] for values in streaks)) for mask in masks]


def drawn(count: int, seed: int) -> list[NDArray[np.uint8]]:
    """Draws upright layers in random styles."""
    generators = np.random.default_rng(seed).spawn(count)
    layers = [perspective_layer(*SHAPE, replace(random_style(rng), slant=0), rng) for rng in generators]
    return [np.rint(layer * 255).astype(np.uint8) for layer in layers]


def recorded(folder: Path) -> list[NDArray[np.uint8]]:
    """Reads the layers of a folder."""
    return [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(folder.glob("*.png"))]


def columns(streaks: Streaks) -> list[list[str]]:
    """Share, lengths and peaks of every class, as text."""
    count = len(streaks.widths)
    return [
        [f"{len(part.widths) / count:.1%}", _quantiles(part.lengths), _quantiles(part.peaks)]
        for part in by_class(streaks)
    ]


def _quantiles(values: NDArray[np.int64] | NDArray[np.float64]) -> str:
    return " / ".join(f"{value:.0f}" for value in np.percentile(values, QUANTILES))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("frames", type=Path, nargs="?")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    sources = {"drawn": drawn(options.count, options.seed)}
    if options.frames:
        sources["recorded"] = recorded(options.frames)
    header, rows = ["width"], [[f"{low}–{high}" if high > low else f"{low}"] for low, high in CLASSES]
    for name, layers in sources.items():
        header += [f"{quantity}, {name}" for quantity in ("share", "length", "peak")]
        rows = [row + cells for row, cells in zip(rows, columns(together(layers)), strict=True)]
    print(markdown_table(header, rows))


if __name__ == "__main__":
    main()
