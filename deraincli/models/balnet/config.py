"""Frozen configs of BAL-Net, which are stored with its weights.

The authors' response names the blocks and the parameter count of BAL-Net but not its widths. The numbers of
`BALNET` come from a search for a network of exactly that count. `BALNET_LITE` and `BALNET_SMALL` are our own
designs of the same topology for CPUs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Attention = Literal["bi", "ram", "cam", "none"]
RestorerKind = Literal["multiscale", "pix2pix"]


@dataclass(frozen=True)
class UNetConfig:
    """Dimensions of a multi-scale encoder and decoder.

    Level 0 is the finest level, and the last level is the bottleneck. Tuples hold one number per level,
    except `pairs` and the kernel sizes and dilations.
    """

    widths: tuple[int, ...]
    """Channels."""
    pairs: tuple[int, ...]
    """(DRB + MMB) pairs of each level above the bottleneck, the same in encoder and decoder."""
    bottleneck_pairs: int
    """(DRB + MMB) pairs of the bottleneck."""
    growth: tuple[int, ...]
    """Channels that each dense layer of a DRB adds."""
    dense_layers: int
    """Dense 3×3 layers of a DRB."""
    stream_widths: tuple[int, ...]
    """Channels of each stream of MSC and DC."""
    se_hidden: tuple[int, ...]
    """Hidden units of SE."""
    stem_width: int
    """Channels of each stream of MSFE."""
    stem_kernels: tuple[int, ...] = (3, 5, 7)
    """Kernel sizes of MSFE's streams."""
    kernels: tuple[int, ...] = (3, 5, 7)
    """Kernel sizes of MSC's streams."""
    dilations: tuple[int, ...] = (1, 2, 4)
    """Dilations of DC's streams."""
    mix_streams: bool = True
    """Whether MSC and DC each end in a 1×1. Otherwise only the 1×1 of their MMB mixes channels."""

    def __post_init__(self) -> None:
        """Checks the lengths of the tuples.

        Raises:
            ValueError: A tuple has the wrong length.
        """
        levels = len(self.widths)
        if len(self.pairs) != levels - 1:
            raise ValueError(f"pairs needs {levels - 1} numbers for {levels} levels, got {self.pairs}")
        for name in ("growth", "stream_widths", "se_hidden"):
            if len(getattr(self, name)) != levels:
                raise ValueError(f"{name} needs {levels} numbers, got {getattr(self, name)}")


@dataclass(frozen=True)
class BALNetConfig:
    """Dimensions of a whole BAL-Net: attention branches, the restorer that they steer, and ablations."""

    restoration: UNetConfig
    """The SRM (single image restoration model)."""
    branch: UNetConfig
    """Each attention branch."""
    attention: Attention = "bi"
    """How the maps are computed.

    `bi`: each by its own branch. `ram`: RAM by a branch, and CAM = 1 − RAM. `cam`: CAM by a branch, and
    RAM = 1 − CAM. `none`: no maps.
    """
    restorer: RestorerKind = "multiscale"
    """`multiscale` is the SRM. `pix2pix` replaces it by a plain U-Net on [I, I⊙RAM, I⊙CAM]."""
    squeeze_excite: bool = True
    """Whether blocks have SE."""
    unshuffle: int = 1
    """Factor by which pixel-unshuffle reduces the resolution before the network. 1 is full resolution."""
    tile_margin: int = 96
    """Pixels of context that a tile needs on each side, without SE: the effective receptive field."""

    def __post_init__(self) -> None:
        """Checks that the ablations do not contradict each other, and that `unshuffle` is a factor.

        Raises:
            ValueError: Two ablations contradict each other, or `unshuffle` is below 1.
        """
        if self.unshuffle < 1:
            raise ValueError(f"unshuffle must be at least 1, got {self.unshuffle}")
        if self.restorer == "pix2pix" and self.attention == "none":
            raise ValueError("restorer = 'pix2pix' takes the maps as input, so it needs attention maps")


BALNET = BALNetConfig(
    restoration=UNetConfig(
        widths=(32, 64, 128, 256),
        pairs=(3, 1, 2),
        bottleneck_pairs=4,
        growth=(16, 32, 64, 128),
        dense_layers=4,
        stream_widths=(16, 16, 32, 64),
        se_hidden=(4, 8, 16, 32),
        stem_width=16,
    ),
    branch=UNetConfig(
        widths=(16, 32, 64, 128),
        pairs=(1, 2, 1),
        bottleneck_pairs=1,
        growth=(4, 8, 16, 32),
        dense_layers=4,
        stream_widths=(4, 8, 16, 32),
        se_hidden=(4, 8, 16, 32),
        stem_width=8,
    ),
)
"""The full network: 27,393,708 parameters, 316.8 GFLOP at 320×320."""

BALNET_LITE = BALNetConfig(
    restoration=UNetConfig(
        widths=(48, 48, 64),
        pairs=(2, 1),
        bottleneck_pairs=1,
        growth=(32, 32, 32),
        dense_layers=2,
        stream_widths=(16, 16, 16),
        se_hidden=(8, 8, 16),
        stem_width=16,
        kernels=(3, 5),
        dilations=(2, 4),
        mix_streams=False,
    ),
    branch=UNetConfig(
        widths=(16, 32),
        pairs=(1,),
        bottleneck_pairs=1,
        growth=(16, 16),
        dense_layers=2,
        stream_widths=(8, 8),
        se_hidden=(4, 8),
        stem_width=8,
        kernels=(3, 5),
        dilations=(2, 4),
        mix_streams=False,
    ),
    unshuffle=2,
    tile_margin=96,
)
"""The same topology at half resolution, for CPUs: under a million parameters."""

BALNET_SMALL = replace(
    BALNET_LITE,
    restoration=replace(BALNET_LITE.restoration, pairs=(4, 4), bottleneck_pairs=4),
    tile_margin=128,
)
"""`BALNET_LITE` with a deeper restorer, which can start from its weights: 2.2 M parameters, 52.9 GFLOP."""
