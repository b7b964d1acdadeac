"""Makes the README's picture.

    python examples/before_after.py

The rainy photo is on the left, the result of the default model on the right.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image

import deraincli

FOLDER = Path(__file__).parent


def main() -> None:
    rainy = PIL.Image.open(FOLDER / "rainy_coffee.jpg")
    restored = deraincli.load()(rainy)
    gap = np.full((rainy.height, 8, 3), 255, np.uint8)
    both = np.hstack([np.asarray(rainy), gap, np.asarray(restored)])
    path = FOLDER / "before_after.jpg"
    PIL.Image.fromarray(both).save(path, quality=90)
    print(path)


if __name__ == "__main__":
    main()
