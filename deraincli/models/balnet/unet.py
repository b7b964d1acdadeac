"""The multi-scale network, which is used as the SRM and, in a smaller size, as attention branch."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deraincli.models.balnet.blocks import DC, DRB, MMB, MSC, MSFE, Down, SqueezeExcite, Up, conv
from deraincli.models.balnet.config import UNetConfig


class MapInjection(nn.Module):
    """Attention injection: F + 1×1(SE[F⊙RAM ‖ F⊙CAM]), with maps reduced to the features' resolution."""

    def __init__(self, channels: int, stride: int, se: nn.Module) -> None:
        super().__init__()
        self.stride = stride
        self.se = se
        self.project = conv(2 * channels, channels, 1)

    def forward(self, features: Tensor, ram: Tensor, cam: Tensor) -> Tensor:
        """Steers features, B×C×h×w, by maps, B×1×(h·stride)×(w·stride)."""
        steered = [features * self.reduce(each).to(features.dtype) for each in (ram, cam)]
        return features + self.project(self.se(torch.cat(steered, 1)))

    def reduce(self, attention: Tensor) -> Tensor:
        """Reduces a map, B×1×H×W, to the features' resolution, B×1×h×w."""
        return F.avg_pool2d(attention, self.stride)


class MultiScaleUNet(nn.Module):
    """MSFE, then levels of (DRB + MMB) pairs joined by DOWN and UP, then a 3×3 without bias."""

    def __init__(
        self,
        config: UNetConfig,
        inputs: int,
        outputs: int,
        *,
        stride: int,
        squeeze_excite: bool,
        steered: bool,
    ) -> None:
        """Builds the network.

        Args:
            config: The dimensions.
            inputs: Input channels.
            outputs: Output channels.
            stride: Pixels of the picture per pixel of level 0.
            squeeze_excite: Whether blocks have SE.
            steered: Whether maps are injected at every encoder level and at the bottleneck.
        """
        super().__init__()
        self.config = config
        self.squeeze_excite = squeeze_excite
        widths = config.widths
        strides = [stride * 2**level for level in range(len(widths))]
        repeats = [*config.pairs, config.bottleneck_pairs]
        self.stem = MSFE(inputs, config.stem_width, config.stem_kernels, widths[0])
        self.encoder = nn.ModuleList(
            [self._pairs(level, count, strides[level]) for level, count in enumerate(repeats)]
        )
        self.decoder = nn.ModuleList(
            [self._pairs(level, count, strides[level]) for level, count in enumerate(config.pairs)]
        )
        self.down = nn.ModuleList([Down(a, b) for a, b in pairwise(widths)])
        self.up = nn.ModuleList([Up(b, a) for a, b in pairwise(widths)])
        self.inject = nn.ModuleList(
            [
                MapInjection(width, strides[level], self._se(2 * width, level, strides[level]))
                for level, width in enumerate(widths)
                if steered
            ]
        )
        self.head = nn.Conv2d(widths[0], outputs, 3, padding=1, bias=False)

    def forward(self, x: Tensor, maps: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Maps B×inputs×h×w to B×outputs×h×w, steered by RAM and CAM at the picture's resolution."""
        features, skips = self.encode(x, maps)
        for level in reversed(range(len(skips))):
            features = self.decoder[level](self.up[level](features, skips[level]))
        return self.head(features)

    def encode(self, x: Tensor, maps: tuple[Tensor, Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        """Computes the features of the bottleneck, and those of every level above it for the decoder."""
        skips: list[Tensor] = []
        features = self.stem(x)
        for level, blocks in enumerate(self.encoder):
            if level > 0:
                skips.append(features)
                features = self.down[level - 1](features)
            if maps is not None:
                features = self.inject[level](features, *maps)
            features = blocks(features)
        return features, skips

    def _pairs(self, level: int, count: int, stride: int) -> nn.Sequential:
        c = self.config
        width, growth, streams = c.widths[level], c.growth[level], c.stream_widths[level]
        mixed = width if c.mix_streams else None
        blocks: list[nn.Module] = []
        for _ in range(count):
            blocks.append(DRB(width, growth, c.dense_layers, self._se(width, level, stride)))
            msc = MSC(width, streams, c.kernels, mixed)
            dc = DC(width, streams, c.dilations, mixed)
            blocks.append(MMB(width, msc, dc, self._se(width, level, stride)))
        return nn.Sequential(*blocks)

    def _se(self, channels: int, level: int, stride: int) -> nn.Module:
        if not self.squeeze_excite:
            return nn.Identity()
        return SqueezeExcite(channels, self.config.se_hidden[level], stride)
