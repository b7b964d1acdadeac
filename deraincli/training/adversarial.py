"""The adversarial part of training: the discriminators, what they add to the loss, how they learn."""

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
    forward: nn.Module
    """The network, or wrapped to average gradients over processes."""
    optimiser: torch.optim.AdamW


def new_adversary(config: OptimiserConfig, group: ProcessGroup) -> Adversary:
    """Discriminators about to be trained."""
    network = Discriminators().to(group.device)
    rate, betas = config.discriminator_rate, (0.5, 0.999)
    optimiser = torch.optim.AdamW(network.parameters(), rate, betas, weight_decay=0.0, fused=True)
    return Adversary(network, group.data_parallel(network), optimiser)


def generator_loss(adversary: Adversary, output: Tensor, corners: Tensor) -> Tensor:
    """L_g^GD + L_g^LD: how little both discriminators take outputs (B×3×H×W) for clean photos.

    Gradients reach the output but not the discriminators.
    """
    adversary.network.requires_grad_(False)
    whole, region = adversary.network(output, corners)
    adversary.network.requires_grad_(True)
    return lsgan_generator_loss(whole) + lsgan_generator_loss(region)


def discriminator_loss(adversary: Adversary, output: Tensor, clean: Tensor, corners: Tensor) -> Tensor:
    """The loss of both discriminators; the local one sees the same regions of output and clean picture."""
    # One pass over both, as wrapped networks average gradients once for each pass.
    whole, region = adversary.forward(torch.cat([clean, output.detach()]), torch.cat([corners, corners]))
    return lsgan_discriminator_loss(*whole.chunk(2)) + lsgan_discriminator_loss(*region.chunk(2))


def random_corners(seed: int, step: int, crops: range, side: int) -> Tensor:
    """Upper left corners (y, x) of one random region for each of a step's crops, B×2.

    Like the crops themselves, they depend on seed, step and place in the batch alone.
    """
    draws = [
        np.random.default_rng([seed, step, index, REGION]).integers(side - REGION + 1, size=2)
        for index in crops
    ]
    return torch.from_numpy(np.stack(draws))
