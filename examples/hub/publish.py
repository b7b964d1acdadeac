"""Publishes every shipped model on the Hugging Face Hub, with an ONNX file and a picture on its card.

    HF_TOKEN=… python examples/hub/publish.py OWNER [--dry-run]

Needs the extra `export`. The picture is a photo with synthetic rain: `examples/rainy_coffee.jpg` for streaks,
and the same photo behind drops for the model of drops. The photo comes with scikit-image and is CC0 by Rachel
Michetti.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import PIL.Image
import skimage.data

from deraincli.model_zoo.catalogue import SHIPPED
from deraincli.rain.synthesis import Recipe, synthesise

RAINY = Path(__file__).parents[1] / "rainy_coffee.jpg"
SEED = 1


def draw_drops(path: Path) -> None:
    """Writes the photo behind drops on the lens."""
    rainy, _ = synthesise(skimage.data.coffee(), Recipe("drop"), np.random.default_rng(SEED))
    PIL.Image.fromarray(rainy).save(path)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("owner", help="your name, or your organisation's, on the Hub")
    parser.add_argument("--dry-run", action="store_true", help="show what would be sent, and send nothing")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        drops = Path(folder) / "drops.png"
        draw_drops(drops)
        for name, entry in SHIPPED.items():
            picture = drops if entry.tasks == ("drop",) else RAINY
            push = ["weights", "push", name, f"hf:{chosen.owner}/{name}", "--onnx", "--picture", str(picture)]
            push += ["--dry-run"] if chosen.dry_run else []
            subprocess.run([sys.executable, "-m", "deraincli", *push], check=True)


if __name__ == "__main__":
    main()
