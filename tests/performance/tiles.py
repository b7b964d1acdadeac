"""How far tiles differ from the picture in one piece, with the shipped weights, in fp32.

python tests/performance/tiles.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image

import deraincli

EXAMPLES = Path(__file__).parents[2] / "examples"


def main() -> None:
    whole = deraincli.load(precision="fp32", tile="off", working_side="full")
    for side in (512, 640):
        tiled = deraincli.load(precision="fp32", tile=side, working_side="full")
        for path in sorted(EXAMPLES.glob("rainy_*.jpg")):
            picture = np.asarray(PIL.Image.open(path), np.float32) / 255
            big = np.tile(picture, (2, 2, 1))
            difference = 255 * np.abs(tiled(big) - whole(big))
            worst, mean = difference.max(), difference.mean()
            print(f"tile {side}  {path.name}: at most {worst:.3f}/255, mean {mean:.4f}/255")


if __name__ == "__main__":
    main()
