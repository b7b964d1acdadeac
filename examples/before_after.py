"""Makes the README's picture: python examples/before_after.py

Left the rainy picture, right what the default model makes of it.
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
