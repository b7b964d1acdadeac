"""Measures what a model does to clean patterns that look like rain, with rain and without.

    python tests/performance/patterns.py [-m MODEL] [--count 40]

Grids, meshes, blinds, bricks and lettering of seeds that training never draws lie over photos that ship with
scikit-image. Rain is drawn drop by drop. The figures are PSNR on the luma (protocol prenet) against the clean
picture: of the rainy picture, of its restoration, and of the clean picture's own restoration.
"""

from __future__ import annotations

import argparse

import numpy as np
import skimage.data

import deraincli
from deraincli.evaluation.metrics import PROTOCOLS, mean_psnr, score
from deraincli.rain.patterns import add_pattern
from deraincli.rain.perspective_streaks import perspective_rain
from deraincli.rain.streaks import add_rain

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
SIDE = 256
UNSEEN = 2**50
"""Training's seeds are small numbers, so a generator with this one draws other patterns."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-m", "--model", default="balnet-lite-streak")
    parser.add_argument("--count", type=int, default=40)
    arguments = parser.parse_args()
    derainer = deraincli.load(arguments.model, working_side="full")
    figures = []
    for index in range(arguments.count):
        rng = np.random.default_rng([UNSEEN, index])
        photo = getattr(skimage.data, PHOTOS[index % len(PHOTOS)])()
        top, left = (int(rng.integers(extent - SIDE + 1)) for extent in photo.shape[:2])
        clean = add_pattern(np.ascontiguousarray(photo[top : top + SIDE, left : left + SIDE]), rng)
        rainy = add_rain(clean, perspective_rain(SIDE, SIDE, rng))
        figures.append(
            [
                score(picture, clean, PROTOCOLS["prenet"]).psnr
                for picture in (rainy, derainer.restore(rainy).image, derainer.restore(clean).image)
            ]
        )
    rained, restored, kept = (mean_psnr(column) for column in zip(*figures, strict=True))
    print(f"{derainer.name}, {arguments.count} patterns of {SIDE}x{SIDE}, dB")
    print(f"rainy {rained:.2f}  restored {restored:.2f}  gain {restored - rained:.2f}")
    gains = [after - before for before, after, _ in figures]
    print(f"least gain {min(gains):.2f}  worse than the input {sum(gain < 0 for gain in gains)}")
    print(f"clean, restored {kept:.2f}  worst {min(row[2] for row in figures):.2f}")


if __name__ == "__main__":
    main()
