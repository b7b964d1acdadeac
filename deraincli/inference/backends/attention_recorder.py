"""Records the attention maps as they enter each encoder level, with hooks that last for one tile."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from deraincli.models.balnet.unet import MapInjection


def level_strides(network: nn.Module) -> tuple[int, ...]:
    """Returns the strides of the encoder levels that maps enter.

    Args:
        network: Any network.

    Returns:
        Input pixels per pixel of each level, the finest level first. Empty if maps enter no level.
    """
    return tuple(level.stride for level in _levels(network))


def repeated(
    levels: Sequence[tuple[Tensor, Tensor]], strides: Sequence[int]
) -> Iterator[NDArray[np.float32]]:
    """Brings the maps of one tile to its size.

    Args:
        levels: RAM and CAM of each level, 1×1×h×w each, from `recorded_levels`.
        strides: Input pixels per pixel of each level.

    Yields:
        RAM, then CAM of each level, 1×H×W. Each value is repeated over the pixels that it covers.
    """
    for stride, maps in zip(strides, levels, strict=True):
        for attention in maps:
            yield F.interpolate(attention.float(), scale_factor=stride)[0].cpu().numpy()


@contextmanager
def recorded_levels(networks: Sequence[nn.Module]) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Records the maps of every encoder level while this thread runs the networks in the block.

    The hooks only read. They are removed at the end of the block, also after an error.

    Args:
        networks: The networks that may run.

    Yields:
        A list that holds RAM and CAM of each level after a run, B×1×h×w each, the finest level first. A later
        run replaces the maps of an earlier one.
    """
    recorded: list[tuple[Tensor, Tensor]] = []
    thread = threading.get_ident()

    def record(level: nn.Module, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
        assert isinstance(level, MapInjection)
        if threading.get_ident() == thread:
            if level in first:
                recorded.clear()
            _, ram, cam = inputs
            recorded.append((level.reduce(ram), level.reduce(cam)))

    levels = [_levels(network) for network in networks]
    first = {steered[0] for steered in levels if steered}
    hooks = [level.register_forward_pre_hook(record) for level in chain(*levels)]
    try:
        yield recorded
    finally:
        for hook in hooks:
            hook.remove()


def _levels(network: nn.Module) -> list[MapInjection]:
    """Returns the modules through which maps enter the encoder, the finest level first."""
    return [module for module in network.modules() if isinstance(module, MapInjection)]
