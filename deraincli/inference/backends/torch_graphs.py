"""Runs networks faster than operator by operator: compiled, or replayed as a CUDA graph."""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch
from torch import Tensor, nn

from deraincli.errors import DeviceError, UsageError
from deraincli.inference.backends.registry import BACKENDS, TORCH_BACKENDS
from deraincli.models.base import NetworkOutput

RunNetwork = Callable[[Tensor], NetworkOutput]
"""Takes B×3×H×W float32 in 0–1."""

WARM_UP = 3
"""Number of runs before a CUDA graph is recorded. Libraries choose their kernels and allocate workspaces in
the first runs."""


def choose_backend(request: str, device: torch.device) -> tuple[str, tuple[str, ...]]:
    """Chooses a backend that works on a device.

    Args:
        request: A name of TORCH_BACKENDS.
        device: The device.

    Returns:
        A name of TORCH_BACKENDS, and sentences for the user if it is not the requested one.

    Raises:
        UsageError: There is no such backend.
        DeviceError: CUDA graphs are requested on another device than CUDA.
    """
    if request not in TORCH_BACKENDS:
        choices = f"{', '.join(BACKENDS[:-1])} or {BACKENDS[-1]}"
        raise UsageError(f"Unknown backend {request!r}: choose {choices}.")
    if request == "cudagraphs" and device.type != "cuda":
        raise DeviceError(
            f"CUDA graphs need a CUDA device, not '{device}': set backend to 'eager' or 'compile'."
        )
    if request == "compile" and not can_compile(device):
        compiler = "a C++ compiler" if device.type == "cpu" else "Triton and a C compiler"
        note = f"The network cannot be compiled for '{device}' here, so it runs eagerly: install {compiler}."
        return "eager", (note,)
    return request, ()


def can_compile(device: torch.device) -> bool:
    """Tries whether `torch.compile` works, which needs a compiler. The trial takes seconds.

    Args:
        device: The device to compile for.

    Returns:
        Whether it works.
    """
    double = torch.compile(lambda x: x + x)
    try:
        double(torch.ones(8, device=device))
    except RuntimeError:  # the base class of all of Inductor's errors
        return False
    return True


def prepare(network: nn.Module, backend: str) -> RunNetwork:
    """Wraps a network for a backend.

    A network is compiled or recorded when it first receives a picture of some size, not here.

    Args:
        network: The network, on its device.
        backend: A name of TORCH_BACKENDS.

    Returns:
        A callable that runs the network.
    """
    if backend == "compile":
        return torch.compile(network)
    return GraphReplay(network) if backend == "cudagraphs" else network


class GraphReplay:
    """Records the network's kernels as a CUDA graph and replays them with one launch.

    A graph is valid for one shape. Another shape replaces it. Several threads may call at once.
    """

    def __init__(self, network: nn.Module) -> None:
        """Wraps a network.

        Args:
            network: The network, on a CUDA device.
        """
        self._network = network
        self._lock = threading.Lock()
        self._graph: torch.cuda.CUDAGraph | None = None
        self._input = torch.empty(0)
        self._answer = NetworkOutput(self._input)

    def __call__(self, rainy: Tensor) -> NetworkOutput:
        """Runs the network.

        Args:
            rainy: B×3×H×W float32 in 0–1, on the network's device.

        Returns:
            The output of the network, in memory that later runs do not overwrite.
        """
        with self._lock:
            if self._graph is None or self._input.shape != rainy.shape:
                self._record(rainy)
            assert self._graph is not None
            self._input.copy_(rainy)
            self._graph.replay()
            image, ram, cam = (None if each is None else each.clone() for each in self._answer)
            assert image is not None
            return NetworkOutput(image, ram, cam)

    def _record(self, rainy: Tensor) -> None:
        self._graph = None  # frees the memory of the previous graph
        self._input = rainy.clone()
        stream = torch.cuda.Stream(rainy.device)
        stream.wait_stream(torch.cuda.current_stream(rainy.device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self._network(self._input)
        torch.cuda.current_stream(rainy.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):  # by default, a stream of the current device
            self._answer = self._network(self._input)
        self._graph = graph
