"""What the working sizes do for enlarged pictures.

    python tests/performance/working_side.py PAIRS [TIMES ...]

Rainy and clean pictures of a paired set are enlarged so many times (bicubic), and restored by default and at
full size only. PSNR of RGB, means in dB. `large.py` measures photos whose detail and rain are as fine as
their pixels.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

import deraincli
from deraincli.datasets.pairs import find_pairs, read_pair
from deraincli.evaluation.metrics import psnr
from deraincli.reporting.markdown import markdown_table


def main() -> None:
    pairs = find_pairs(Path(sys.argv[1])).pairs
    at_size, full = (deraincli.load("balnet-lite-streak", working_side=side) for side in ("auto", "full"))
    rows = []
    for times in map(float, sys.argv[2:] or ("1", "2", "4")):
        scores = []
        for pair in pairs:
            rainy, clean = (
                cv2.resize(view, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
                for view in read_pair(pair, max_pixels=10**8)
            )
            pictures = (rainy, at_size(rainy), full(rainy))
            scores.append([psnr(picture, clean, data_range=255) for picture in pictures])
        label = "not" if times == 1 else f"{times:g} times"
        rows.append([label, *(f"{mean:.2f} dB" for mean in np.mean(scores, 0))])
    print(markdown_table(("enlarged", "rainy", "restored by default", "`--working-side full`"), rows))


if __name__ == "__main__":
    main()
