"""ROC-AUC of RAM, beside that of the change which the restored photo makes, blurred.

    python tests/performance/map_limit.py PAIRS -m balnet-lite-drop

The change shows where the restorer itself found rain. If its area is hardly larger than RAM's, a better map
needs a better restorer, or a ground truth that depends less on the texture behind the rain.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np

import deraincli
from deraincli.attention_maps.scores import Map, score_maps
from deraincli.datasets.pairs import find_pairs, read_pair
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.pixels import Pixels
from deraincli.reporting.markdown import markdown_table

BLUR = 3.0
"""Standard deviation of the blur of the change, in pixels."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pairs", type=Path, help="a paired data set")
    parser.add_argument("-m", "--model", default="balnet-lite-drop")
    asked = parser.parse_args()
    derainer = deraincli.load(asked.model, device="cpu", precision="fp32")
    rows = []
    for pair in find_pairs(asked.pairs).pairs:
        rainy, clean = read_pair(pair, max_pixels=DEFAULT_MAX_PIXELS)
        restored, maps = derainer(rainy, return_maps=True)
        change = cv2.GaussianBlur(np.abs(restored.astype(np.float32) - rainy).mean(2), (0, 0), BLUR)
        rows.append([pair.name, *(_area(found, rainy, clean) for found in (maps.ram, change))])
    rows.append(["mean", *(fmean(row[column] for row in rows) for column in (1, 2))])
    cells = [(name, f"{ram:.3f}", f"{change:.3f}") for name, ram, change in rows]
    print(markdown_table(("picture", "RAM", "blurred change"), cells))


def _area(found: Map, rainy: Pixels, clean: Pixels) -> float:
    """Returns the area under the ROC curve, over RAM's ground truth."""
    return score_maps(found, found, rainy, clean, threshold=0.5).ram.auc or 0.0


if __name__ == "__main__":
    main()
