"""The adversarial part of training: the discriminators, their optimiser and their losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from deraincli.training.config import OptimiserConfig
from deraincli.training.discriminators import REGION, Discriminators
from deraincli.training.distributed import ProcessGroup
from deraincli.training.losses import lsgan_discriminator_loss, lsgan_generator_loss


@dataclass
class Adversary:
    """The discriminators and their optimiser."""

    network: Discriminators
    """The discriminators."""
    forward: nn.Module
    """The discriminators as a step calls them, which may average gradients over processes."""
    optimiser: torch.optim.AdamW
    """The optimiser of the discriminators."""


def new_adversary(config: OptimiserConfig, group: ProcessGroup) -> Adversary:
    """Builds discriminators with random weights, and their optimiser."""
    network = Discriminators().to(group.device)
    rate, betas = config.discriminator_rate, (0.5, 0.999)
    optimiser = torch.optim.AdamW(network.parameters(), rate, betas, weight_decay=0.0, fused=True)
    return Adversary(network, group.data_parallel(network), optimiser)


def generator_loss(adversary: Adversary, output: Tensor, corners: Tensor) -> Tensor:
    """Computes L_g^GD + L_g^LD, which is low if both discriminators take outputs for clean photos.

    Gradients reach the output but not the discriminators.

    Args:
        adversary: The discriminators.
        output: Outputs of the network, B×3×H×W, near 0–1, not clamped.
        corners: Upper left corners (y, x) of the regions, B×2.

    Returns:
        The loss, a scalar.
    """
    adversary.network.requires_grad_(False)
    whole, region = adversary.network(output, corners)
    adversary.network.requires_grad_(True)
    return lsgan_generator_loss(whole) + lsgan_generator_loss(region)


def discriminator_loss(adversary: Adversary, output: Tensor, clean: Tensor, corners: Tensor) -> Tensor:
    """Computes the loss of both discriminators.

    Args:
        adversary: The discriminators.
        output: Outputs of the network, B×3×H×W.
        clean: The clean pictures, B×3×H×W.
        corners: Upper left corners (y, x) of the regions, B×2, the same for outputs and clean pictures.
    """
    # Both go through in one pass, because wrapped networks average gradients once per pass.
    whole, region = adversary.forward(torch.cat([clean, output.detach()]), torch.cat([corners, corners]))
    return lsgan_discriminator_loss(*whole.chunk(2)) + lsgan_discriminator_loss(*region.chunk(2))


def random_corners(seed: int, step: int, crops: range, side: int) -> Tensor:
    """Draws a random region for each crop of a step.

    Like the crops themselves, regions depend only on the seed, the step and the place in the batch.

    Args:
        seed: Seed of the run.
        step: Number of the step.
        crops: Places of the crops in the batch.
        side: Side of the crops in pixels.

    Returns:
        The upper left corners (y, x) of the regions, B×2.
    """
    draws = [
        np.random.default_rng([seed, step, index, REGION]).integers(side - REGION + 1, size=2)
        for index in crops
    ]
    return torch.from_numpy(np.stack(draws))
