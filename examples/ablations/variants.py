"""Runs deraincli with variants of balnet-lite that could make two attention maps matter more than one.

    python examples/ablations/variants.py train examples/ablations/gated-output.toml --out runs/gated

It takes the arguments of `derain`. `run.py` calls it. The variants are experiments, so the package has none
of them, and only this script opens their model files.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from deraincli.__main__ import main
from deraincli.models.balnet.config import BALNET_LITE, BALNetConfig
from deraincli.models.balnet.network import BALNet
from deraincli.models.balnet.targets import attention_targets
from deraincli.models.balnet.unet import MapInjection, MultiScaleUNet
from deraincli.models.base import NetworkOutput
from deraincli.models.registry import NETWORKS, NetworkKind
from deraincli.training import step

FAR = 7
"""The far CAM marks no pixel that has rain within this many rows and columns."""


class GatedOutput(BALNet):
    """The maps act on the output: one residual is kept where RAM is high, another where CAM is high."""

    def __init__(self, config: BALNetConfig) -> None:
        super().__init__(config)
        head = self.restorer.head
        self.restorer.head = nn.Conv2d(head.in_channels, 2 * head.out_channels, 3, padding=1, bias=False)
        nn.init.zeros_(self.restorer.head.weight)

    def forward(self, rainy: Tensor) -> NetworkOutput:
        """Restores B×3×H×W in 0–1."""
        factor = self.config.unshuffle
        picture = rainy.to(next(self.parameters()).dtype)
        x = F.pixel_unshuffle(picture, factor)
        ram, cam = self.attention(x)
        in_rain, elsewhere = self.restorer(x, (ram, cam)).chunk(2, 1)
        residual = ram * F.pixel_shuffle(in_rain, factor) + cam * F.pixel_shuffle(elsewhere, factor)
        return NetworkOutput(rainy + residual, ram, cam)


class SteeredDecoder(BALNet):
    """The maps are injected at every level of the decoder, too."""

    def __init__(self, config: BALNetConfig) -> None:
        super().__init__(config)
        self.restorer = SteeredDecoderUNet(self.restorer, config)


class SteeredDecoderUNet(nn.Module):
    """A multi-scale network that also injects the maps before the blocks of each decoder level."""

    def __init__(self, net: MultiScaleUNet, config: BALNetConfig) -> None:
        super().__init__()
        self.net = net
        strides = [config.unshuffle * 2**level for level in range(len(net.decoder))]
        self.inject = nn.ModuleList(
            [
                MapInjection(width, stride, nn.Identity())
                for width, stride in zip(config.restoration.widths, strides, strict=False)
            ]
        )
        for injection in self.inject:
            injection.project.weight.data.mul_(0.1)  # as every residual path of BAL-Net begins

    def forward(self, x: Tensor, maps: tuple[Tensor, Tensor]) -> Tensor:
        """Maps B×inputs×h×w to B×outputs×h×w, steered by RAM and CAM at the picture's resolution."""
        net = self.net
        features, skips = net.encode(x, maps)
        for level in reversed(range(len(skips))):
            features = net.up[level](features, skips[level])
            features = net.decoder[level](self.inject[level](features, *maps))
        return net.head(features)


def far_cam(config: BALNetConfig) -> BALNet:
    """Builds balnet-lite, and makes this process train CAM on `far_targets`."""
    step.attention_targets = far_targets
    return BALNet(config)


def far_targets(rainy: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the usual RAM, and a CAM that is not its opposite.

    CAM marks the pixels that have no rain within `FAR` rows and columns.

    Args:
        rainy: B×3×H×W in 0–1.
        clean: B×3×H×W in 0–1.

    Returns:
        RAM and CAM, each B×1×H×W of 0 and 1.
    """
    ram, _ = attention_targets(rainy, clean)
    return ram, 1 - F.max_pool2d(ram, 2 * FAR + 1, stride=1, padding=FAR)


VARIANTS = {"gated-output": GatedOutput, "steered-decoder": SteeredDecoder, "far-cam": far_cam}
"""How to build the network of each variant."""

if __name__ == "__main__":
    NETWORKS.update({name: NetworkKind(BALNET_LITE, build) for name, build in VARIANTS.items()})
    main()
