"""Counts parameters and operations of a network, exactly and independently of the machine."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(network: nn.Module) -> int:
    """Counts the learnable parameters of a network.

    Args:
        network: The network.

    Returns:
        The number of parameters.
    """
    return sum(parameter.numel() for parameter in network.parameters())


def count_flops(network: nn.Module, side: int) -> int:
    """Counts the operations for one picture.

    Each multiply-add of convolutions and matrix products counts as two operations. Activations, pooling and
    interpolation are not counted. The count runs on shapes only and computes nothing.

    Args:
        network: The network.
        side: Side of the square picture in pixels.

    Returns:
        The number of operations.
    """
    shapes = copy.deepcopy(network).to("meta").eval()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        shapes(torch.empty(1, 3, side, side, device="meta"))
    return counter.get_total_flops()
