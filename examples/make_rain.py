"""Makes the rainy pictures of this folder from photos that come with scikit-image.

    python examples/make_rain.py

The rain is synthetic: every streak is drawn as a line of its own, by other code and with other seeds
than the rain that the shipped models were trained on. The photos are free of restrictions, as
scikit-image documents: `coffee` CC0 by Rachel Michetti, `chelsea` CC0 by Stéfan van der Walt, `astronaut`
public domain by NASA.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

FOLDER = Path(__file__).parent
PHOTOS = {"coffee": 20261, "chelsea": 20262, "astronaut": 20263}
"""Photo and seed of its rain."""


def rain_layer(height: int, width: int, seed: int) -> NDArray[np.float32]:
    """Straight streaks at three depths, H×W in 0–255: far ones short, thin and faint."""
    rng = np.random.default_rng(seed)
    lean = rng.uniform(-0.3, 0.3)
    layer = np.zeros((height, width), np.float32)
    for length, thickness, brightness, per_megapixel in (
        (14, 1, 60, 4500),
        (26, 1, 95, 2600),
        (44, 2, 130, 500),
    ):
        depth = np.zeros((height, width), np.uint8)
        for _ in range(int(per_megapixel * height * width / 1e6)):
            x, y = rng.uniform(-20, width + 20), rng.uniform(-20, height)
            reach = length * rng.uniform(0.6, 1.4)
            slope = lean + rng.normal(0, 0.02)
            ends = [
                (round(x * 16), round(y * 16)),
                (round((x + slope * reach) * 16), round((y + reach) * 16)),
            ]
            colour = int(brightness * rng.uniform(0.5, 1))
            cv2.line(depth, *ends, colour, thickness, cv2.LINE_AA, 4)
        layer += cv2.GaussianBlur(depth, (0, 0), 0.6).astype(np.float32)
    return layer


def main() -> None:
    for name, seed in PHOTOS.items():
        photo = getattr(skimage.data, name)()
        rainy = np.clip(photo + rain_layer(*photo.shape[:2], seed)[..., None], 0, 255)
        path = FOLDER / f"rainy_{name}.jpg"
        cv2.imwrite(str(path), cv2.cvtColor(np.rint(rainy).astype(np.uint8), cv2.COLOR_RGB2BGR))
        print(path)


if __name__ == "__main__":
    main()
