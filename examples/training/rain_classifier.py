"""Trains the classifier that recognises streaks and lens drops, from clean photos alone.

    python examples/training/rain_classifier.py CLEAN -o rain-classifier.safetensors --minutes 25

CLEAN is a folder of clean photos. Every crop gets streaks, lens drops, both or neither, in all kinds that the
training of the restoration networks knows. --frames and --layers add recorded streaks (see docs/training.md),
--drops adds the drops of real pairs. The table that is printed at the end counts crops of unseen seeds.
--report prints it for weights that exist, and trains nothing.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from safetensors.numpy import save_file
from torch import Tensor, nn
from torch.nn import functional

from deraincli.pixels import Floats, Picture
from deraincli.rain.drops import add_drops
from deraincli.rain.realistic import as_jpeg
from deraincli.restoration.rain_kind import CELL, LAYERS, RainClassifier
from deraincli.training.data.config import DataConfig
from deraincli.training.data.sources import SyntheticRain

BATCH = 32
SIDE = 192
"""Side of the crops, pixels."""
LEAST_CHANGE = 3.0
"""Mean absolute change, in grey levels, from which a cell counts as rainy."""
UNSEEN_CHANGE = 0.5
"""The change up to which it counts as free of rain. Cells between the two are left out."""
DROP_SHARE = 0.55
"""Share of the crops with lens drops alone, 0–1."""
BOTH_SHARE = 0.25
"""Share of the crops with streaks that get lens drops, too, 0–1."""
BLURRED_SHARE = 0.2
"""Share of the crops whose scene is out of focus, 0–1."""
JPEG_SHARE = 0.5
"""Share of the crops that are compressed, 0–1."""


Kinds = tuple[bool, bool]
"""Whether a picture shows streaks, and whether it shows drops on the lens."""


class Sample(NamedTuple):
    """A crop and what rain changed in it."""

    picture: Picture
    changes: Floats
    """Mean absolute change of every cell by streaks and by drops, 2×h×w, in grey levels."""


class Network(nn.Module):
    """The classifier as `RainClassifier` computes it, with batch normalisation while it is trained."""

    def __init__(self) -> None:
        super().__init__()
        blocks = []
        channels = 3
        for width, stride in LAYERS:
            convolution = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
            blocks.append(nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU()))
            channels = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Conv2d(channels, 2, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Computes logits B×2×h×w for streaks and drops in every cell of pictures B×3×H×W in 0–1."""
        return self.head(self.blocks(pictures - 0.5))

    def folded(self) -> dict[str, np.ndarray]:
        """The weights that `RainClassifier` reads: batch normalisation becomes part of the convolutions."""
        tensors = {}
        for index, (convolution, norm, _) in enumerate(self.blocks):
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            tensors[f"layers.{index}.weight"] = convolution.weight * scale[:, None, None, None]
            tensors[f"layers.{index}.bias"] = norm.bias - norm.running_mean * scale
        tensors["head.weight"], tensors["head.bias"] = self.head.weight[:, :, 0, 0], self.head.bias
        return {name: tensor.detach().half().numpy().copy() for name, tensor in tensors.items()}


class Crops:
    """Crops with streaks, drops, both and neither."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        folder = (str(arguments.clean.resolve()),)
        shared = {"validation": "", "clean": folder, "clean_share": 0.0, "crop": SIDE, "pattern_share": 0.15}
        recorded = {
            "streak_layers": _absolute(arguments.layers),
            "streak_frames": _absolute(arguments.frames),
            "frame_share": 0.4,
            "heavy_share": 0.15,
            "realistic_share": 0.4,
        }
        self.streaks = SyntheticRain(DataConfig(**shared, **recorded), Path())
        drops = {"drop_share": 1.0, "drop_layers": _absolute(arguments.drops), "layer_share": 0.25}
        self.drops = SyntheticRain(DataConfig(**shared, **drops), Path())

    def draw(self, rng: np.random.Generator) -> list[Sample]:
        """Draws a rainy crop and its clean one."""
        if rng.random() < BLURRED_SHARE:
            return self._blurred(rng)
        source = self.drops if rng.random() < DROP_SHARE else self.streaks
        rainy, clean = source.pair(rng)
        change = _change(rainy, clean)
        changes = [np.zeros_like(change), change] if source is self.drops else [change, np.zeros_like(change)]
        if source is self.streaks and rng.random() < BOTH_SHARE:
            streaky = rainy
            rainy = add_drops(streaky, rng)[0]
            changes[1] = _change(rainy, streaky)
        samples = [Sample(rainy, np.stack(changes)), Sample(clean, np.zeros((2, *change.shape), np.float32))]
        return [sample._replace(picture=_compressed(sample.picture, rng)) for sample in samples]

    def _blurred(self, rng: np.random.Generator) -> list[Sample]:
        """Draws a scene out of focus, without rain and with drops. Such scenes resemble large drops."""
        _, scene = self.drops.pair(rng)
        scene = cv2.GaussianBlur(scene, (0, 0), float(rng.uniform(1, 7)))
        scene = np.clip(scene + rng.normal(0, rng.uniform(0, 4), scene.shape), 0, 255).astype(np.uint8)
        rainy = add_drops(scene, rng)[0]
        change = _change(rainy, scene)
        nothing = np.zeros_like(change)
        return [
            Sample(_compressed(rainy, rng), np.stack([nothing, change])),
            Sample(_compressed(scene, rng), np.stack([nothing, nothing])),
        ]

    def batch(self, seed: int, count: int) -> tuple[Tensor, Tensor]:
        """Draws pictures B×3×H×W in 0–1 and their changes B×2×h×w."""
        samples: list[Sample] = []
        for index in range(count // 2):
            samples += self.draw(np.random.default_rng([seed, index]))
        pictures = np.stack([sample.picture for sample in samples]).transpose(0, 3, 1, 2)
        changes = np.stack([sample.changes for sample in samples])
        return torch.from_numpy(np.ascontiguousarray(pictures)).float() / 255, torch.from_numpy(changes)


def _absolute(folder: Path | None) -> str:
    return str(folder.resolve()) if folder else ""


def _change(rainy: Picture, clean: Picture) -> Floats:
    """Mean absolute change of every cell, in grey levels."""
    difference = np.abs(rainy.astype(np.float32) - clean).mean(2)
    return cv2.resize(difference, (SIDE // CELL, SIDE // CELL), interpolation=cv2.INTER_AREA)


def _compressed(picture: Picture, rng: np.random.Generator) -> Picture:
    return as_jpeg(picture, int(rng.integers(60, 97))) if rng.random() < JPEG_SHARE else picture


def train(crops: Crops, minutes: float, rate: float) -> Network:
    """Trains until the time is over. The learning rate falls to zero along a cosine of the time."""
    network = Network()
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-3)
    began = time.monotonic()
    step = 0
    while (share := (time.monotonic() - began) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = rate * 0.5 * (1 + np.cos(np.pi * share)) * min((step + 1) / 50, 1)
        pictures, changes = crops.batch(step, BATCH)
        logits = network(pictures)
        labels = (changes >= LEAST_CHANGE).float()
        known = ((changes >= LEAST_CHANGE) | (changes <= UNSEEN_CHANGE)).float()
        losses = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        loss = (losses * known).sum() / known.sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if step % 50 == 0:
            right = (((logits > 0) == (labels > 0)) * known).sum((0, 2, 3)) / known.sum((0, 2, 3))
            print(f"step {step}  loss {loss:.4f}  right: streaks {right[0]:.3f}, drops {right[1]:.3f}")
    return network.eval()


def report(classifier: RainClassifier, crops: Crops, count: int) -> None:
    """Prints how often each kind of crops of unseen seeds was recognised as each kind.

    Args:
        classifier: What judges the crops.
        crops: Draws them.
        count: Number of pairs of a rainy and a clean crop, or of two crops out of focus.
    """
    table: dict[Kinds, dict[Kinds, int]] = {}
    for seed in range(count):
        for picture, changes in crops.draw(np.random.default_rng([2**40, seed])):
            shown = (changes >= LEAST_CHANGE).any((1, 2))
            if ((changes > UNSEEN_CHANGE).any((1, 2)) != shown).any():
                continue  # too little rain to be sure
            evidence = classifier(picture)
            row = table.setdefault((bool(shown[0]), bool(shown[1])), {})
            found = (evidence.streaks > 0.5, evidence.drops > 0.5)
            row[found] = row.get(found, 0) + 1
    kinds_of = ((False, False), (True, False), (False, True), (True, True))
    names = dict(zip(kinds_of, ("neither", "streaks", "drops", "both"), strict=True))
    print("shown    " + "".join(f"{name:>9}" for name in names.values()))
    for kinds, name in names.items():
        print(f"{name:9}" + "".join(f"{table.get(kinds, {}).get(found, 0):9}" for found in names))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("clean", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--frames", type=Path)
    parser.add_argument("--layers", type=Path)
    parser.add_argument("--drops", type=Path)
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--report", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.manual_seed(0)
    crops = Crops(arguments)
    if not arguments.report:
        save_file(train(crops, arguments.minutes, arguments.rate).folded(), arguments.out)
    report(RainClassifier(arguments.out), crops, 400)


if __name__ == "__main__":
    main()
