"""Makes the pictures of drawn rain in docs/drawn-rain.md, from photos that come with scikit-image.

    python examples/rain/pictures.py

Streaks: layers alone from faint to bright above, faint streaks brightened, and photos in such rain below.
Drops on the lens: far out of focus above, crisp or half in focus below. The photos are free of restrictions,
as scikit-image documents: `coffee` CC0 by Rachel Michetti, `chelsea` CC0 by Stéfan van der Walt, `astronaut`
public domain by NASA, `rocket` CC0 by SpaceX.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import skimage.data

from deraincli.pixels import Picture
from deraincli.rain.drop_styles import DropStyle, crisp_style, soft_style
from deraincli.rain.drops import add_drops
from deraincli.rain.perspective_streaks import perspective_layer, perspective_rain, random_style
from deraincli.rain.streaks import add_rain

DOCS = Path(__file__).parents[2] / "docs"
PHOTOS = ("coffee", "astronaut", "rocket", "chelsea")
HEIGHT, WIDTH = 300, 400
"""Rows and columns of a picture, for which rain has its nominal size."""
SHOWN = (210, 280)
"""Rows and columns that are shown of each."""
GAP = 4
QUALITY = 82


def scene(index: int) -> Picture:
    photo = getattr(skimage.data, PHOTOS[index])()
    return np.ascontiguousarray(middle(photo, HEIGHT, WIDTH))


def middle(picture: Picture, height: int, width: int) -> Picture:
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]


def layers(seed: int, count: int = 40) -> list[Picture]:
    """Upright layers from the faintest to the brightest of `count`, faint streaks brightened."""
    generators = np.random.default_rng(seed).spawn(count)
    drawn = [perspective_layer(HEIGHT, WIDTH, replace(random_style(rng), slant=0), rng) for rng in generators]
    ranked = sorted(drawn, key=lambda layer: float(layer.mean()))
    chosen = [ranked[round(place * (count - 1))] for place in np.linspace(0.05, 0.95, len(PHOTOS))]
    return [np.repeat(np.rint(255 * np.sqrt(layer)).astype(np.uint8)[..., None], 3, 2) for layer in chosen]


def streaks(seed: int) -> list[Picture]:
    generators = np.random.default_rng(seed).spawn(len(PHOTOS))
    return [add_rain(scene(n), perspective_rain(HEIGHT, WIDTH, rng)) for n, rng in enumerate(generators)]


def drops(style: Callable[[np.random.Generator], DropStyle], seed: int) -> list[Picture]:
    generators = np.random.default_rng(seed).spawn(len(PHOTOS))
    return [add_drops(scene(n), rng, style(rng))[0] for n, rng in enumerate(generators)]


def save(name: str, rows: list[list[Picture]]) -> None:
    """Writes a sheet of the middles of pictures."""
    framed = [[np.pad(middle(p, *SHOWN), ((0, GAP), (0, GAP), (0, 0))) for p in row] for row in rows]
    sheet = np.vstack([np.hstack(row) for row in framed])
    path = DOCS / name
    cv2.imwrite(str(path), sheet[:-GAP, :-GAP, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    print(path)


def main() -> None:
    save("drawn-streaks.jpg", [layers(1), streaks(2)])
    save("drawn-drops.jpg", [drops(soft_style, 3), drops(crisp_style, 4)])


if __name__ == "__main__":
    main()
