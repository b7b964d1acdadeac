"""Makes the picture of the attention maps: input, RAM, CAM and output for rain streaks and for drops.

    python examples/attention.py

Needs the extra `figures`. The streaks are those of `rainy_coffee.jpg`. The drops are drawn by the code that
also makes pictures for training, with another seed, on a CC0 photo of a rocket by SpaceX.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import skimage.data

import deraincli
from deraincli.attention_maps.figure import figure
from deraincli.pixels import Picture
from deraincli.rain.synthesis import Recipe, synthesise

FOLDER = Path(__file__).parent
SEED = 20266
"""Seed of the drops."""
WIDTH = 1600
"""Width of the picture in pixels."""


def maps(model: str, rainy: Picture) -> PIL.Image.Image:
    """Draws the figure of one rainy picture, H×W×3, WIDTH pixels wide."""
    restored, attention = deraincli.load(model)(rainy, return_maps=True)
    drawn = PIL.Image.open(io.BytesIO(figure(rainy, attention.ram, attention.cam, restored, "png")))
    return drawn.convert("RGB").resize((WIDTH, round(WIDTH * drawn.height / drawn.width)))


def main() -> None:
    streaks = np.asarray(PIL.Image.open(FOLDER / "rainy_coffee.jpg"))
    drops, _ = synthesise(skimage.data.rocket(), Recipe("drop"), np.random.default_rng(SEED))
    rows = [maps("balnet-lite-streak", streaks), maps("balnet-lite-drop", drops)]
    path = FOLDER / "attention.jpg"
    PIL.Image.fromarray(np.vstack(rows)).save(path, quality=85)
    print(path)


if __name__ == "__main__":
    main()
