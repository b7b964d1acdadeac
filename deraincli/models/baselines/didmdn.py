"""DID-MDN (Zhang and Patel, CVPR 2018).

Zhang, Patel, "Density-aware single image de-raining using a multi-stream dense network". Three streams of
dense blocks with kernels of 3, 5 and 7 see rain of three sizes. A label gives the density of the rain.
Pooling over up to 32 pixels and two more convolutions refine the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deraincli.models.base import NetworkOutput, RestorationNetwork

LABEL_CHANNELS = 8
"""Channels that repeat the label."""
POOLS = (32, 16, 8, 4)
"""Sides of the pooling windows, in pixels."""


@dataclass(frozen=True)
class DIDMDNConfig:
    """The released network: 372,839 parameters, 7,603 of which its forward pass never uses."""

    density: int = 1
    """Label for the density of the rain: 0 heavy, 1 medium, 2 light.

    The authors find the label by a second network. It is far larger, accepts pictures of 512×512 only, and is
    not among the parameters counted.
    """


class Step(NamedTuple):
    """A dense unit and the transition after it."""

    inputs: int
    """Input channels of the unit."""
    growth: int
    """Channels that the unit adds."""
    outputs: int
    """Channels after the transition."""
    scale: float
    """Factor by which the transition changes the size."""


class StreamPlan(NamedTuple):
    """Dimensions of one of the three streams."""

    kernel: int
    """Kernel size of the dense units."""
    steps: tuple[Step, ...]
    """The six dense steps."""
    sides: tuple[int, ...]
    """Input channels of the side convolutions, each with one output channel. Only the first of them runs."""
    extras: bool
    """Whether the released code creates further layers that never run."""


_WIDE = (
    Step(3, 13, 8, 0.5),
    Step(8, 16, 16, 0.5),
    Step(16, 16, 16, 1),
    Step(16, 16, 16, 1),
    Step(32, 8, 8, 2),
    Step(16, 8, 4, 2),
)
STREAMS = (
    StreamPlan(
        kernel=3,
        steps=(
            Step(3, 5, 4, 0.5),
            Step(4, 8, 12, 1),
            Step(12, 4, 12, 1),
            Step(12, 4, 12, 1),
            Step(24, 8, 4, 1),
            Step(8, 8, 4, 2),
        ),
        sides=(4, 12, 12, 24, 8, 8),
        extras=False,
    ),
    StreamPlan(5, _WIDE, sides=(8, 16, 16, 32, 16, 8), extras=True),
    StreamPlan(
        kernel=7,
        steps=(*_WIDE[:2], Step(16, 16, 16, 0.5), Step(16, 16, 16, 2), *_WIDE[4:]),
        sides=(8, 16, 16, 32, 16, 8),
        extras=True,
    ),
)


class DIDMDN(RestorationNetwork):
    """The three streams and the refinement, on RGB scaled to −1…1.

    In eval mode, batch normalisation uses its running statistics, as usual. The authors test with the
    statistics of the picture itself, and stretch every result to its own minimum and maximum. The label is
    given here. A classifier would look at the whole picture, which tiles cannot do.
    """

    config: DIDMDNConfig
    size_multiple = 32
    """Side of the largest pool, so that tiles and a whole picture have the same pooling cells."""
    tile_margin = 105
    """The whole receptive field."""

    def __init__(self, config: DIDMDNConfig) -> None:
        super().__init__()
        self.config = config
        self.streams = nn.ModuleList([Stream(plan) for plan in STREAMS])
        width = 3 + LABEL_CHANNELS + sum(stream.width for stream in self.streams)  # type: ignore[misc]
        self.fuse = nn.Conv2d(width, width, 3, padding=1)
        self.pools = nn.ModuleList([nn.Conv2d(width, 2, 1) for _ in POOLS])
        self.residual = nn.Conv2d(width + 2 * len(POOLS), 3, 3, padding=1)
        self.refine = nn.ModuleList([nn.Conv2d(3, 8, 7, padding=3), nn.Conv2d(8, 3, 3, padding=1)])
        self.unused = _never_run(nn.BatchNorm2d(20), nn.BatchNorm2d(1))

    def forward(self, rainy: Tensor) -> NetworkOutput:
        """Restores B×3×H×W in 0–1. Sides must be multiples of 32."""
        picture = 2 * rainy.to(self.fuse.weight.dtype) - 1
        a, b, c = (stream(picture) for stream in self.streams)
        label = picture.new_full((1, 1, 1, 1), self.config.density)
        label = label.expand(len(picture), LABEL_CHANNELS, *picture.shape[2:])
        x = F.leaky_relu(self.fuse(torch.cat([a, picture, b, c, label], 1)), 0.2)
        contexts = [
            F.interpolate(F.leaky_relu(mix(F.avg_pool2d(x, side)), 0.2), picture.shape[2:])
            for side, mix in zip(POOLS, self.pools, strict=True)
        ]
        residual = torch.tanh(self.residual(torch.cat([*contexts, x], 1)))
        x = F.leaky_relu(self.refine[0](picture - residual), 0.2)
        return NetworkOutput((torch.tanh(self.refine[1](x).float()) + 1) / 2)


class Stream(nn.Module):
    """Six dense steps, down to a half, a quarter or an eighth of the resolution and up again."""

    def __init__(self, plan: StreamPlan) -> None:
        super().__init__()
        self.steps = nn.ModuleList([DenseStep(step, plan.kernel) for step in plan.steps])
        first, *others = (nn.Conv2d(inputs, 1, 3, padding=1) for inputs in plan.sides)
        self.side = first
        self.copies = len(others)
        """Number of copies of the side map in the result, as in the authors' code."""
        self.width = plan.steps[-1].outputs + self.copies + 3
        """Output channels."""
        extras = [nn.Conv2d(11, 20, 3, padding=1), nn.Conv2d(24, 3, 3, padding=1)] if plan.extras else []
        norms = [nn.BatchNorm2d(20), nn.BatchNorm2d(1)] if plan.extras else []
        self.unused = _never_run(*others, *extras, *norms)

    def forward(self, picture: Tensor) -> Tensor:
        """Maps B×3×H×W in −1…1 to B×12×H×W: features, several copies of the side map, and the picture."""
        x1 = self.steps[0](picture)
        x2 = self.steps[1](x1)
        x = self.steps[3](self.steps[2](x2))
        x = self.steps[4](torch.cat([x, x2], 1))
        x = self.steps[5](torch.cat([x, x1], 1))
        side = F.interpolate(F.leaky_relu(self.side(x1), 0.2), picture.shape[2:])
        return torch.cat([x, *[side] * self.copies, picture], 1)


class DenseStep(nn.Module):
    """A dense bottleneck whose output is concatenated with its input, then a 1×1 and a change of size."""

    def __init__(self, step: Step, kernel: int) -> None:
        super().__init__()
        inner, joined = 4 * step.growth, step.inputs + step.growth
        self.unit = nn.Sequential(
            nn.BatchNorm2d(step.inputs),
            nn.ReLU(),
            nn.Conv2d(step.inputs, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, step.growth, kernel, padding=kernel // 2, bias=False),
        )
        self.transition = nn.Sequential(
            nn.BatchNorm2d(joined), nn.ReLU(), nn.Conv2d(joined, step.outputs, 1, bias=False)
        )
        self.scale = step.scale

    def forward(self, x: Tensor) -> Tensor:
        """Maps B×C×H×W to B×outputs×(scale·H)×(scale·W)."""
        x = self.transition(torch.cat([x, self.unit(x)], 1))
        if self.scale < 1:
            return F.avg_pool2d(x, 2)
        return F.interpolate(x, scale_factor=self.scale) if self.scale > 1 else x


def _never_run(*layers: nn.Module) -> nn.ModuleList:
    """Returns layers of the released code that never run. They count as parameters, but are not trained."""
    return nn.ModuleList(layers).requires_grad_(False)
