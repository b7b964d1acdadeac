"""Counts of a network, exact and independent of any machine."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(network: nn.Module) -> int:
    """Learnable numbers."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_flops(network: nn.Module, side: int) -> int:
    """Operations for one picture of side×side: two for every multiply-add of convolutions and products.

    Nothing else is counted (activations, pooling, interpolation). Nothing is computed either: the count
    runs on shapes alone.
    """
    shapes = copy.deepcopy(network).to("meta").eval()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        shapes(torch.empty(1, 3, side, side, device="meta"))
    return counter.get_total_flops()
