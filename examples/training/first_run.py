"""Writes the photos that the config `first-run.toml` trains on.

    python examples/training/first_run.py

The photos come with scikit-image, which deraincli installs, and are free of restrictions, as scikit-image
documents: `astronaut` and `hubble_deep_field` are in the public domain (NASA), `chelsea` is CC0 by Stéfan
van der Walt, `rocket` CC0 by SpaceX, and `coffee` CC0 by Rachel Michetti.
"""

from __future__ import annotations

from pathlib import Path

import PIL.Image
import skimage.data

FOLDER = Path(__file__).parents[2] / "runs" / "first-run"
PHOTOS = {
    "photos": ("astronaut", "chelsea", "hubble_deep_field", "rocket"),
    "held-out": ("coffee",),
}
"""The photos to train on, and those to validate on, by sub-folder."""


def main() -> None:
    for folder, names in PHOTOS.items():
        (FOLDER / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            path = FOLDER / folder / f"{name}.png"
            PIL.Image.fromarray(getattr(skimage.data, name)()).save(path)
            print(path)


if __name__ == "__main__":
    main()
