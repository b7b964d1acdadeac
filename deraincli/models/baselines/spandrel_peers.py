"""MPRNet and Restormer, run by the library spandrel (the extra `peers`).

Zamir et al., "Multi-stage progressive image restoration", CVPR 2021; Zamir et al., "Restormer: efficient
transformer for high-resolution image restoration", CVPR 2022. The default configs are those of the published
deraining weights. `spandrel_extra_arches` has the networks, under their authors' licences for research.
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deraincli.errors import ModelError
from deraincli.models.base import NetworkOutput, RestorationNetwork
from deraincli.runtime.installation import install_command


@dataclass(frozen=True)
class MPRNetConfig:
    """The published deraining network: 3,637,249 parameters."""

    width: int = 40
    """Channels at full size."""
    unet_growth: int = 20
    """Channels that each level of the U-Nets adds."""
    refinement_growth: int = 16
    """Channels that the last stage adds."""
    blocks: int = 8
    """Channel attention blocks in each part of the last stage."""


@dataclass(frozen=True)
class RestormerConfig:
    """The published deraining network: 26,126,644 parameters."""

    width: int = 48
    """Channels at full size. They double from level to level."""
    blocks: tuple[int, int, int, int] = (4, 6, 6, 8)
    """Transformer blocks of the four levels."""
    refinement_blocks: int = 4
    """Transformer blocks at the end."""
    heads: tuple[int, int, int, int] = (1, 2, 4, 8)
    """Attention heads of the four levels."""


class SpandrelPeer(RestorationNetwork):
    """A network of spandrel behind the interface of this package."""

    size_multiple = 8
    tile_margin = 32
    """Both networks also use means over the whole tile, so results depend on the tiling. See `--tile off`."""

    def __init__(self, config: MPRNetConfig | RestormerConfig, network: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.network = network

    def forward(self, rainy: Tensor) -> NetworkOutput:
        """Restores B×3×H×W in 0–1. H and W are multiples of 8."""
        restored = self.network(rainy.to(next(self.network.parameters()).dtype))
        last = restored if isinstance(restored, Tensor) else restored[0]  # MPRNet: the last stage comes first
        return NetworkOutput(last.float())


def mprnet(config: MPRNetConfig) -> SpandrelPeer:
    """Builds MPRNet with random weights.

    The published network has one PReLU that all its blocks share, and its checkpoints repeat it for every
    block. Here each block has its own, as in a checkpoint, so there are 54 parameters more.

    Args:
        config: The config.

    Returns:
        The network.

    Raises:
        ModelError: The extra `peers` is not installed.
    """
    network = _architecture("MPRNet")(
        n_feat=config.width,
        scale_unetfeats=config.unet_growth,
        scale_orsnetfeats=config.refinement_growth,
        num_cab=config.blocks,
    )
    for module in network.modules():
        for name, part in module.named_children():
            if isinstance(part, nn.PReLU):
                setattr(module, name, nn.PReLU())
    return SpandrelPeer(config, network)


def restormer(config: RestormerConfig) -> SpandrelPeer:
    """Builds Restormer with random weights.

    Args:
        config: The config.

    Returns:
        The network.

    Raises:
        ModelError: The extra `peers` is not installed.
    """
    network = _architecture("Restormer")(
        dim=config.width,
        num_blocks=list(config.blocks),
        num_refinement_blocks=config.refinement_blocks,
        heads=list(config.heads),
    )
    return SpandrelPeer(config, network)


def _architecture(name: str) -> Any:
    """Returns the class of an architecture. Importing it takes seconds, so it happens only here."""
    try:
        with torch.device("cpu"), warnings.catch_warnings():  # the caller may be building on the meta device
            warnings.simplefilter("ignore", FutureWarning)  # spandrel uses torch.jit.script
            module = importlib.import_module(f"spandrel_extra_arches.architectures.{name}")
    except ImportError:
        raise ModelError(
            f"{name} needs the extra `peers`: install it with `{install_command('peers')}`."
        ) from None
    return getattr(module, name)
