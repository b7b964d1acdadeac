"""Deeper networks that begin as a shallower one which has learnt already."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from deraincli.models.balnet.config import BALNetConfig
from deraincli.models.balnet.network import BALNet


def deepens(config: Any, shallower: Any) -> bool:
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
    """A network of a config that `deepens` a shallower network's, and computes what that one does.

    The further blocks let their features pass at first, as those of Net2Net do (Chen et al., ICLR 2016).
    """
    network = BALNet(config)
    further = network.load_state_dict(shallower.state_dict(), strict=False).missing_keys
    for key in further:
        if key.endswith(".fuse.weight"):  # the end of a residual path, whose bias starts at zero
            nn.init.zeros_(network.get_parameter(key))
    return network
