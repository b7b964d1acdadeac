"""Revives a BAL-Net whose CAM has died: whose map is 1 everywhere, so that it has no gradient.

    python examples/training/revive_cam.py DEAD.safetensors -o REVIVED.safetensors

The branch of CAM becomes a copy of that of RAM with the opposite sign, so CAM = 1 − RAM. The injections get
weights that make up for it: with CAM = 1 they compute W_r·(F⊙RAM) + W_c·F, and
(W_r + W_c)·(F⊙RAM) + W_c·(F⊙(1 − RAM)) is the same. Only the gates of SE differ a little.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import skimage.data
import torch
from torch import Tensor

from deraincli.models.checkpoint import load_model, model_bytes

DEAD = 0.999
"""Smallest value of a map that counts as 1 everywhere."""


def revived(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns the weights of a BAL-Net with two maps, with CAM = 1 − RAM and the injections fitted to it."""
    new = dict(weights)
    for name, weight in weights.items():
        if name.startswith("attention.ram."):
            sign = -1 if ".head." in name else 1
            new[name.replace(".ram.", ".cam.")] = sign * weight
        elif name.startswith("restorer.inject.") and name.endswith(".project.weight"):
            by_ram, by_cam = weight.chunk(2, 1)
            new[name] = torch.cat([by_ram + by_cam, by_cam], 1)
    return new


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="a model file of a BAL-Net with two maps")
    parser.add_argument("-o", "--output", type=Path, required=True)
    chosen = parser.parse_args()
    network, info = load_model(chosen.model)
    photo = torch.from_numpy(skimage.data.coffee()[:256, :256]).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        cam = network.eval()(photo).cam
    if cam is None or cam.min() < DEAD:
        parser.error(f"The CAM of {chosen.model} is not 1 everywhere: it does not need this.")
    network.load_state_dict(revived(network.state_dict()))
    chosen.output.write_bytes(model_bytes(network, info))


if __name__ == "__main__":
    main()
