"""The effective receptive field of a model.

    python tests/performance/receptive_field.py [MODEL]

How far away input pixels still matter: the gradient of an output pixel with respect to the input, summed by
distance (the larger of the two axes), averaged over places of the example pictures (after Luo et al.,
"Understanding the effective receptive field in deep convolutional neural networks", NeurIPS 2016). From it
comes `tile_margin` in a network's config, the context that a tile needs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import PIL.Image
import torch

from deraincli.model_zoo.resolve import resolve_model
from deraincli.models.checkpoint import load_model

EXAMPLES = Path(__file__).parents[2] / "examples"
SIDE = 512
PLACES = 12


def influence_by_distance(
    network: torch.nn.Module, picture: torch.Tensor, rng: np.random.Generator
) -> np.ndarray:
    """Share of the absolute gradient at every distance from a random output pixel near the middle."""
    y, x = (int(v) for v in rng.integers(SIDE // 2 - 32, SIDE // 2 + 32, 2))
    given = picture.clone().requires_grad_()
    network(given).image[0, :, y, x].sum().backward()
    assert given.grad is not None
    strength = given.grad[0].abs().sum(0).numpy()
    rows, columns = np.indices(strength.shape)
    distance = np.maximum(np.abs(rows - y), np.abs(columns - x))
    total = np.bincount(distance.ravel(), strength.ravel(), minlength=SIDE)
    return total / total.sum()


def main() -> None:
    network, _ = load_model(resolve_model(sys.argv[1] if len(sys.argv) > 1 else None).files[0].path)
    rng = np.random.default_rng(0)
    shares = []
    for path in sorted(EXAMPLES.glob("rainy_*.jpg")):
        resized = PIL.Image.open(path).resize((SIDE, SIDE))
        picture = torch.from_numpy(np.asarray(resized).copy()).permute(2, 0, 1)[None] / 255
        shares += [influence_by_distance(network, picture, rng) for _ in range(PLACES // 3)]
    within = np.cumsum(np.mean(shares, 0))
    for share in (0.5, 0.9, 0.95, 0.99, 0.999):
        print(f"{100 * share:g} % of the influence within {int(np.searchsorted(within, share))} pixels")


if __name__ == "__main__":
    main()
