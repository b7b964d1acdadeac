"""Weights in 8 bits: integers with a scale for every output channel, a quarter of their size in float32.

Symmetric quantisation to −127…127 without calibration, as in Krishnamoorthi, "Quantizing deep convolutional
networks for efficient inference" (arXiv:1806.08342). It makes files smaller; networks compute in floats.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deraincli.header import scale_key

LARGEST = 127


def quantised(network: nn.Module) -> dict[str, Tensor]:
    """The state of a network: weights of convolutions as int8 and their scales, all else as float16."""
    state = {
        key: value.half() if value.is_floating_point() else value
        for key, value in network.state_dict().items()
    }
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            key = f"{name}.weight"
            weight = module.weight.detach().float()
            outputs = 1 if isinstance(module, nn.ConvTranspose2d) else 0
            others = [axis for axis in range(weight.dim()) if axis != outputs]
            scale = weight.abs().amax(others, keepdim=True) / LARGEST
            scale[scale == 0] = 1
            state[key] = (weight / scale).round().to(torch.int8)
            state[scale_key(key)] = scale
    return state


def restored(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state as floats: integers times their scales."""
    floats = {key: value.float() for key, value in state.items()}
    for key, value in state.items():
        if value.dtype == torch.int8:
            floats[key] *= floats.pop(scale_key(key))
    return floats
