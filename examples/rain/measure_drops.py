"""Measures the drops on the lens in pairs of a rainy and a clean picture.

    derain synth PHOTOS --kind drop -o PAIRS
    python examples/rain/measure_drops.py PAIRS

PAIRS is a paired set in any layout that `derain data inspect` recognises. The table has a row for each pair,
and quantiles over the pairs.

All measures describe the change of the luma between the two pictures, in levels of 255. The median change of
the picture is its shift. Where the change differs from the shift by more than a threshold, the picture is
wet. Wet parts narrower than five pixels are left out, because they are mostly edges of the scene, which moved
a little between the two pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.datasets.pairs import find_pairs, read_pair
from deraincli.imaging.colour import as_rgb
from deraincli.inference.tiled import unit_range
from deraincli.pixels import Floats, Pixels
from deraincli.reporting.markdown import markdown_table

SMOOTHING = 1.2
"""Sigma of the Gaussian blur against noise, pixels."""
THRESHOLD = 12.0
"""Change from which a pixel counts as wet, levels."""
WIDTHS = (5, 7, 9, 12, 16, 21, 28, 37, 50, 66, 88)
"""Widths of discs by which the wet parts are measured, pixels."""
CELL = 80
"""Side of the cells whose wet shares are compared, pixels."""
QUANTILES = (10, 50, 90)


class DropMeasures(NamedTuple):
    """Look of the drops of one pair. All but the first two are NaN if the picture is not wet."""

    shift: float
    """Median change of the picture, levels."""
    wet: float
    """Share of the picture that is wet, 0–1."""
    narrow: float = np.nan
    """Width that a quarter of the wet area falls short of, pixels."""
    width: float = np.nan
    """Width that half of the wet area falls short of, pixels."""
    broad: float = np.nan
    """Width that three quarters of the wet area fall short of, pixels."""
    contrast: float = np.nan
    """Median change of the wet pixels beyond the shift, levels."""
    edge: float = np.nan
    """Width of the drops' edges: the contrast over the median slope at their outlines, pixels."""
    brighter: float = np.nan
    """Share of the wet pixels that are brighter than the scene, 0–1."""
    clusters: float = np.nan
    """Standard deviation of the wet share among cells, relative to the share of the picture."""


def measure(rainy: Pixels, clean: Pixels) -> DropMeasures:
    """Measures the drops of a pair.

    Args:
        rainy: The picture with drops, H×W×3 RGB of uint8 or uint16.
        clean: The same scene without drops, of the same shape.
    """
    change = _change(rainy, clean)
    shift = float(np.median(change))
    change -= shift
    areas = _areas(np.abs(change) > THRESHOLD)
    wet = areas[0]
    if not wet.any():
        return DropMeasures(shift, 0.0)
    contrast = float(np.median(np.abs(change[wet])))
    return DropMeasures(
        shift,
        float(wet.mean()),
        *_widths([float(area.mean()) for area in areas]),
        contrast,
        contrast / float(np.median(_slopes(change, wet))),
        float((change[wet] > 0).mean()),
        _unevenness(wet),
    )


def _change(rainy: Pixels, clean: Pixels) -> Floats:
    after, before = (255 * cv2.cvtColor(unit_range(view), cv2.COLOR_RGB2GRAY) for view in (rainy, clean))
    return cv2.GaussianBlur(after - before, (0, 0), SMOOTHING)


def _areas(wet: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Returns the parts of the wet area that discs of each width fit into: morphological openings."""
    middles = _distance(wet)
    return [_distance(middles <= width / 2) <= width / 2 for width in WIDTHS]


def _distance(mask: NDArray[np.bool_]) -> Floats:
    """Returns the distance of each pixel to the nearest one that is not in the mask."""
    return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _widths(shares: list[float]) -> list[float]:
    """Returns quartiles of the width from the shares of the picture that are at least as wide as WIDTHS."""
    below = 1 - np.array(shares) / shares[0]
    return [float(np.interp(quarter, below, WIDTHS)) for quarter in (0.25, 0.5, 0.75)]


def _slopes(change: Floats, wet: NDArray[np.bool_]) -> Floats:
    """Returns the slopes of the change at the outline of the wet area, levels per pixel."""
    inside = cv2.erode(wet.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.hypot(*np.gradient(change))[wet & ~inside]


def _unevenness(wet: NDArray[np.bool_]) -> float:
    rows, columns = (max(side // CELL, 1) for side in wet.shape)
    cells = cv2.resize(wet.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    return float(cells.std() / wet.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pairs", type=Path)
    rows: dict[str, DropMeasures] = {}
    for pair in find_pairs(parser.parse_args().pairs).pairs:
        rows[pair.rainy.name] = measure(*map(as_rgb, read_pair(pair, max_pixels=10**8)))
    measured = np.array(list(rows.values()))
    for quantile in QUANTILES:
        rows[f"{quantile} %"] = DropMeasures(*np.nanpercentile(measured, quantile, axis=0))
    print(
        markdown_table(
            ("pair", *DropMeasures._fields),
            [[name, *(f"{v:.2f}" for v in row)] for name, row in rows.items()],
        )
    )


if __name__ == "__main__":
    main()
