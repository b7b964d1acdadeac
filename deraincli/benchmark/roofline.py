"""Compares a network's speed with the machine's peak and finds its slowest layers.

The method follows Williams et al., "Roofline: an insightful visual performance model for multicore
architectures", CACM 2009. The peak is measured, not taken from a data sheet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils.hooks import RemovableHandle

from deraincli.benchmark.workloads import synchronise
from deraincli.inference.backends.torch_device import PRECISIONS

SIDE_ON_CPU = 1024
"""Rows and columns of the matrices on a CPU, enough to reach its peak."""
SIDE_ON_DEVICE = 8192
"""Rows and columns of the matrices on other devices, enough to reach their peak."""

PATCH = 4
"""Side of a convolution's kernel. With smaller ones, PyTorch uses the library for products on one thread."""

PREFIX = "layer "
"""Prefix of a layer's name in the profiler."""

CONVOLUTION = "aten::conv"
"""Prefix of the operators that count as work. It covers `flops.count_flops` for the networks here."""

PROFILED = 3
"""Number of profiled passes, after one pass of warm-up."""


class MatrixProduct:
    """Workload that multiplies two square matrices."""

    def __init__(self, precision: str, device: torch.device, *, as_convolution: bool) -> None:
        """Prepares one matrix.

        Args:
            precision: A key of PRECISIONS.
            device: The device that computes.
            as_convolution: Whether the library for convolutions computes the product. On some processors it
                is twice as fast as the library for products. A convolution whose stride equals its kernel
                is a product of patches and weights.
        """
        self.precision = precision
        self._device = device
        self._dtype = PRECISIONS[precision]
        self._side = SIDE_ON_CPU if device.type == "cpu" else SIDE_ON_DEVICE
        self._weight = torch.rand(self._side, self._side, device=device, dtype=self._dtype)
        self._as_convolution = as_convolution

    @property
    def flops(self) -> int:
        """Operations of one product, two per multiply-add."""
        return 2 * self._side**3

    def fresh(self) -> Tensor:
        """Returns a random matrix."""
        matrix = torch.rand(self._side, self._side, device=self._device).to(self._dtype)
        synchronise(self._device)
        return matrix

    @torch.inference_mode()
    def run(self, given: Tensor) -> None:
        """Multiplies a matrix.

        Args:
            given: A matrix from `fresh`.
        """
        if self._as_convolution:
            channels = self._side // PATCH**2
            patches = given.view(1, 32 * PATCH, -1, channels).permute(0, 3, 1, 2)  # channels last in memory
            weight = self._weight.view(-1, PATCH, PATCH, channels).permute(0, 3, 1, 2)
            torch.conv2d(patches, weight, stride=PATCH)
        else:
            given @ self._weight
        synchronise(self._device)


@dataclass(frozen=True)
class Layer:
    """One module of a network, or one operator outside of modules with weights."""

    name: str
    """Path of the module, or `elsewhere: OPERATOR`."""
    seconds: float
    """Seconds of one pass in the layer itself."""
    share: float
    """Share of the pass's time, 0–1."""
    gflops_per_second: float | None
    """Speed in GFLOP/s. None for layers without convolutions."""

    def record(self) -> dict[str, Any]:
        """Returns the layer as a dict for JSON."""
        speed = self.gflops_per_second
        return {
            "layer": self.name,
            "ms": round(1000 * self.seconds, 3),
            "share": round(self.share, 4),
            "gflops_per_second": round(speed, 1) if speed else None,
        }


@torch.inference_mode()
def slowest_layers(network: nn.Module, pictures: Tensor, count: int) -> list[Layer]:
    """Finds the layers and operators that take the most time in an eager pass.

    Layers with weights are listed by name. All other time is added up by operator.

    Args:
        network: The network in eval mode.
        pictures: The batch to restore, B×3×H×W in 0–1.
        count: Largest number of layers to return.

    Returns:
        The layers, the slowest first.
    """
    activities = [ProfilerActivity.CPU]
    if pictures.device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    network(pictures)
    with _named_layers(network), profile(activities=activities, with_flops=True) as profiler:
        for _ in range(PROFILED):
            network(pictures)
        synchronise(pictures.device)
    seconds: dict[str, float] = defaultdict(float)
    flops: dict[str, float] = defaultdict(float)
    for event in profiler.events():
        name = _layer_of(event) or f"elsewhere: {event.name}"
        # Microseconds of the operator itself, without the operators that it calls.
        own = event.self_device_time_total if len(activities) > 1 else event.self_cpu_time_total
        seconds[name] += own / 1e6 / PROFILED
        if event.name.startswith(CONVOLUTION):
            flops[name] += (event.flops or 0) / PROFILED
    total = sum(seconds.values())
    slowest = sorted(seconds, key=lambda name: -seconds[name])[:count]
    return [
        Layer(name, seconds[name], seconds[name] / total, flops[name] / seconds[name] / 1e9 or None)
        for name in slowest
    ]


@contextmanager
def _named_layers(network: nn.Module) -> Iterator[None]:
    """Shows modules that hold weights to the profiler by their names, while it is open."""
    hooks: list[RemovableHandle] = []
    open_ranges: list[record_function] = []

    def enter(name: str) -> None:
        open_ranges.append(record_function(PREFIX + name))
        open_ranges[-1].__enter__()

    def leave(*_: object) -> None:
        open_ranges.pop().__exit__(None, None, None)

    for name, module in network.named_modules():
        if next(module.parameters(recurse=False), None) is not None:
            hooks.append(module.register_forward_pre_hook(lambda *_, name=name: enter(name)))
            hooks.append(module.register_forward_hook(leave))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _layer_of(event: FunctionEvent | None) -> str | None:
    """Returns the layer that an event of the profiler belongs to, or None."""
    while event is not None:
        if event.name.startswith(PREFIX):
            return event.name.removeprefix(PREFIX)
        event = event.cpu_parent
    return None
