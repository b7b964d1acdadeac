"""Deeper networks that start from the weights of a trained shallower network."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

from torch import nn

from deraincli.models.balnet.config import BALNetConfig
from deraincli.models.balnet.network import BALNet


def deepens(config: object, shallower: object) -> TypeGuard[BALNetConfig]:
    """Checks whether a config is a deeper version of another.

    Both must be BAL-Net configs that differ only in `tile_margin` and the numbers of (DRB + MMB) pairs.

    Args:
        config: The deeper config. It has at least as many pairs at every level.
        shallower: The shallower config.

    Returns:
        Whether `config` deepens `shallower`.
    """
    if not (isinstance(config, BALNetConfig) and isinstance(shallower, BALNetConfig)):
        return False
    deep, shallow = config.restoration, shallower.restoration
    if deep.widths != shallow.widths:
        return False
    counts = zip(
        (*deep.pairs, deep.bottleneck_pairs), (*shallow.pairs, shallow.bottleneck_pairs), strict=True
    )
    grown = replace(shallow, pairs=deep.pairs, bottleneck_pairs=deep.bottleneck_pairs)
    same_otherwise = config == replace(shallower, restoration=grown, tile_margin=config.tile_margin)
    return same_otherwise and all(more >= fewer for more, fewer in counts)


def deepened(shallower: nn.Module, config: BALNetConfig) -> BALNet:
    """Builds a deeper network that computes the same as a shallower one.

    The additional blocks leave their input unchanged at first, as in Net2Net (Chen et al., ICLR 2016).

    Args:
        shallower: The trained network.
        config: The config of the deeper network, which `deepens` the config of the shallower one.
    """
    network = BALNet(config)
    take_over(network, shallower)
    return network


def take_over(network: nn.Module, shallower: nn.Module) -> None:
    """Makes a deeper network compute the same as a shallower one.

    Args:
        network: The deeper network, changed in place. Its additional blocks keep their weights, except those
            of their last layer, which become zero.
        shallower: The network whose weights it takes over.
    """
    additional = network.load_state_dict(shallower.state_dict(), strict=False).missing_keys
    for key in additional:
        if key.endswith((".fuse.weight", ".fuse.bias")):  # the end of a residual path
            nn.init.zeros_(network.get_parameter(key))
