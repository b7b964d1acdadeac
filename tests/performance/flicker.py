"""What `derain video --temporal N` gains on a still and on a moving view of a photo.

python tests/performance/flicker.py [PHOTO]   # one of scikit-image's sample photos by default

Rain falls anew in every picture. PSNR (dB) is against the clean pictures; flicker is the mean |difference| of
successive pictures less the scene's own, in levels of 255.
"""

from __future__ import annotations

import sys
from itertools import pairwise

import cv2
import numpy as np
import PIL.Image
from skimage import data

import deraincli
from deraincli.rain.streaks import add_rain, light_rain
from deraincli.reporting.markdown import markdown_table
from deraincli.video.temporal import combine, over_time

PICTURES, SIDE = 12, 192


def views(photo: np.ndarray, step: int) -> list[np.ndarray]:
    """A window that moves over the photo by `step` pixels a picture, before which a disc crosses."""
    pictures = []
    for number in range(PICTURES):
        left = 20 + step * number
        view = photo[40 : 40 + SIDE, left : left + SIDE].copy()
        if step:
            cv2.circle(view, (20 + 12 * number, 90), 14, (200, 60, 40), -1, cv2.LINE_AA)
        pictures.append(view)
    return pictures


def psnr(pictures: list[np.ndarray], clean: list[np.ndarray]) -> float:
    errors = [np.mean((one.astype(float) - other) ** 2) for one, other in zip(pictures, clean, strict=True)]
    return float(np.mean([10 * np.log10(255**2 / error) for error in errors]))


def flicker(pictures: list[np.ndarray], clean: list[np.ndarray]) -> float:
    """Mean |difference| of successive errors; on a still scene, of successive pictures."""
    errors = [one.astype(float) - other for one, other in zip(pictures, clean, strict=True)]
    return float(np.mean([np.abs(b - a).mean() for a, b in pairwise(errors)]))


def main() -> None:
    photo = np.asarray(PIL.Image.open(sys.argv[1]).convert("RGB")) if sys.argv[1:] else data.astronaut()
    derainer = deraincli.load("balnet-lite", precision="fp32")
    columns: list[dict[str, list[str]]] = []
    for step in (0, 3):  # pixels per picture: a still and a moving view
        clean = views(photo, step)
        rng = np.random.default_rng(0)
        rainy = [add_rain(picture, light_rain(*picture.shape[:2], rng)) for picture in clean]
        restored = [derainer(picture) for picture in rainy]
        rows = {"rainy": rainy, "restored": restored}
        for reach in (1, 2, 3):
            rows[f"`--temporal {reach}`"] = [
                combine(picture, others) for picture, others in over_time(restored, reach, lambda p: p)
            ]
        columns.append(
            {
                name: [f"{psnr(each, clean):.2f} dB", f"{flicker(each, clean):.2f}"]
                for name, each in rows.items()
            }
        )
    still, moving = columns
    headings = ("", "still: PSNR", "flicker", "moving: PSNR", "flicker")
    print(markdown_table(headings, [[name, *still[name], *moving[name]] for name in still]))


if __name__ == "__main__":
    main()
