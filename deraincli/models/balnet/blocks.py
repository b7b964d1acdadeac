"""Blocks of BAL-Net, named as in the authors' response (MSFE, MSC, DC, MMB, DRB, SE, DOWN, UP).

Their inner layout is inferred. Convolutions have a bias and zero padding and are followed by LeakyReLU 0.1.
The last convolution of a residual path is linear. There is no normalisation.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.1
"""Negative slope of LeakyReLU."""

SE_CELL = 32
"""Side, in input pixels, of the cells over which SE pools at inference."""

SE_WINDOW = 5
"""Side, in cells, of SE's window at inference. Its 160 pixels are about the size of the training crops."""

SE_REACH = 32
"""Pixels by which the windows of SE widen the context that a tile needs.

The gradient, from which a config's `tile_margin` comes, hardly shows the windows, because each pixel counts
little in a mean. At a tile's edge the windows lack whole cells. With the gates of the whole picture, tiles
agree with it to 0.02 levels beyond 64 pixels. With their own gates, they differ by up to 6 levels at 96.
"""


def conv(inputs: int, outputs: int, kernel: int, dilation: int = 1, stride: int = 1) -> nn.Conv2d:
    """Returns a zero-padded convolution. With stride 1 it keeps the size."""
    padding = dilation * (kernel // 2)
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, dilation=dilation)


def activate(x: Tensor) -> Tensor:
    """Applies LeakyReLU 0.1."""
    return F.leaky_relu(x, SLOPE)


class SqueezeExcite(nn.Module):
    """SE: scales every channel by a gate computed from its mean (Hu et al., CVPR 2018).

    Training pools over the whole crop. Evaluation pools over a window around each place. So a tile gives the
    same answer as the whole picture, and large pictures are pooled over regions of the size seen in training
    (after Chu et al., "Improving image restoration by revisiting global information aggregation", ECCV 2022).

    The mean is taken over whole cells, and the gate is interpolated between them, which costs next to
    nothing. Cells lie on a fixed grid, so the origin of a tile must be a multiple of `SE_CELL` pixels.
    """

    def __init__(self, channels: int, hidden: int, stride: int) -> None:
        """Builds the gate.

        Args:
            channels: Channels of the features.
            hidden: Hidden units.
            stride: Input pixels per pixel of the features.

        Raises:
            ValueError: The features are so coarse that a pixel of them is larger than a cell.
        """
        super().__init__()
        if stride > SE_CELL:
            raise ValueError(f"features at 1/{stride} of the resolution are too coarse for SE")
        self.cell = SE_CELL // stride
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.expand = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scales the channels of B×C×H×W. In eval mode, H and W must be multiples of the cell."""
        if self.training:
            return x * self.gate(x.mean((2, 3), keepdim=True))
        cells = F.avg_pool2d(x, self.cell)
        means = F.avg_pool2d(cells, SE_WINDOW, 1, SE_WINDOW // 2, count_include_pad=False)
        gate = self.gate(means)
        return x * F.interpolate(gate, scale_factor=self.cell, mode="bilinear", align_corners=False)

    def gate(self, means: Tensor) -> Tensor:
        """Maps channel means, B×C×h×w, to gates in 0–1."""
        return torch.sigmoid(self.expand(F.relu(self.reduce(means))))


class ParallelConvs(nn.Module):
    """Parallel convolutions of the same input, concatenated, and mixed by a 1×1 if wanted."""

    def __init__(self, inputs: int, width: int, taps: list[tuple[int, int]], outputs: int | None) -> None:
        """Builds the streams.

        Args:
            inputs: Input channels.
            width: Channels of each stream.
            taps: Kernel size and dilation of each stream.
            outputs: Channels after the 1×1. None leaves out the 1×1.
        """
        super().__init__()
        self.streams = nn.ModuleList([conv(inputs, width, kernel, dilation) for kernel, dilation in taps])
        self.channels = outputs or width * len(taps)
        self.mix = conv(width * len(taps), outputs, 1) if outputs else None

    def forward(self, x: Tensor) -> Tensor:
        """Maps B×inputs×H×W to B×channels×H×W."""
        x = activate(torch.cat([stream(x) for stream in self.streams], 1))
        return x if self.mix is None else activate(self.mix(x))


class MSFE(ParallelConvs):
    """Multi-scale shallow feature extraction: the stem, streams of several kernel sizes."""

    def __init__(self, inputs: int, width: int, kernels: tuple[int, ...], outputs: int) -> None:
        super().__init__(inputs, width, [(kernel, 1) for kernel in kernels], outputs)


class MSC(ParallelConvs):
    """Multi-stream convolution: streams of several kernel sizes."""

    def __init__(self, inputs: int, width: int, kernels: tuple[int, ...], outputs: int | None) -> None:
        super().__init__(inputs, width, [(kernel, 1) for kernel in kernels], outputs)


class DC(ParallelConvs):
    """Dilated convolution: 3×3 streams of several dilations."""

    def __init__(self, inputs: int, width: int, dilations: tuple[int, ...], outputs: int | None) -> None:
        super().__init__(inputs, width, [(3, dilation) for dilation in dilations], outputs)


class MMB(nn.Module):
    """Multi-branch multi-scale block: x + SE(1×1[MSC ‖ DC])."""

    def __init__(self, channels: int, msc: MSC, dc: DC, se: nn.Module) -> None:
        super().__init__()
        self.msc = msc
        self.dc = dc
        self.fuse = conv(msc.channels + dc.channels, channels, 1)
        self.se = se

    def forward(self, x: Tensor) -> Tensor:
        """Maps B×C×H×W to the same shape."""
        return x + self.se(self.fuse(torch.cat([self.msc(x), self.dc(x)], 1)))


class DRB(nn.Module):
    """Dense residual block: x + SE(1×1[x ‖ dense layers])."""

    def __init__(self, channels: int, growth: int, layers: int, se: nn.Module) -> None:
        super().__init__()
        self.dense = nn.ModuleList([conv(channels + i * growth, growth, 3) for i in range(layers)])
        self.fuse = conv(channels + layers * growth, channels, 1)
        self.se = se

    def forward(self, x: Tensor) -> Tensor:
        """Maps B×C×H×W to the same shape."""
        features = x
        for layer in self.dense:
            features = torch.cat([features, activate(layer(features))], 1)
        return x + self.se(self.fuse(features))


class Down(nn.Module):
    """DOWN: 3×3 convolution of stride 2."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = conv(inputs, outputs, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Maps B×inputs×H×W to B×outputs×H/2×W/2."""
        return activate(self.conv(x))


class Up(nn.Module):
    """UP: transposed 4×4 convolution of stride 2, joined with the encoder's features by a 1×1."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)
        self.merge = conv(2 * outputs, outputs, 1)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Maps B×inputs×h×w, and the encoder's features B×outputs×2h×2w, to the shape of the latter."""
        return activate(self.merge(torch.cat([activate(self.conv(x)), skip], 1)))
