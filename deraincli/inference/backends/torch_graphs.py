"""Faster ways to run a network than operator by operator: compiled, or replayed as a CUDA graph."""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch
from torch import Tensor, nn

from deraincli.errors import DeviceError, UsageError
from deraincli.models.base import NetworkOutput

RunNetwork = Callable[[Tensor], NetworkOutput]

BACKENDS = ("eager", "compile", "cudagraphs")

WARM_UP = 3
"""Runs before a CUDA graph is recorded: libraries choose their kernels and allocate workspaces in them."""


def choose_backend(request: str, device: torch.device) -> tuple[str, tuple[str, ...]]:
    """A name of BACKENDS that works on a device, and sentences for the user where it is another than asked.

    Raises UsageError for an unknown name and DeviceError for CUDA graphs anywhere but on CUDA.
    """
    if request not in BACKENDS:
        raise UsageError(f"Unknown backend {request!r}: choose {', '.join(BACKENDS)} or onnxruntime.")
    if request == "cudagraphs" and device.type != "cuda":
        raise DeviceError(
            f"CUDA graphs need a CUDA device, not '{device}': set backend to 'eager' or 'compile'."
        )
    if request == "compile" and not can_compile(device):
        compiler = "a C++ compiler" if device.type == "cpu" else "Triton and a C compiler"
        note = (
            f"Nothing can be compiled for '{device}' here, so the network runs eagerly: install {compiler}."
        )
        return "eager", (note,)
    return request, ()


def can_compile(device: torch.device) -> bool:
    """Whether `torch.compile` works: it needs a compiler, which only a trial finds out. Takes seconds."""
    double = torch.compile(lambda x: x + x)
    try:
        double(torch.ones(8, device=device))
    except RuntimeError:  # Inductor's every complaint is one
        return False
    return True


def prepare(network: nn.Module, backend: str) -> RunNetwork:
    """The network as `backend` runs it; the work is done when it first meets a picture of some size."""
    if backend == "compile":
        return torch.compile(network)
    return GraphReplay(network) if backend == "cudagraphs" else network


class GraphReplay:
    """Records the network's kernels as a CUDA graph and replays them with one launch.

    The graph holds for one shape; another shape replaces it. Several threads may call at once.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._lock = threading.Lock()
        self._graph: torch.cuda.CUDAGraph | None = None
        self._input = torch.empty(0)
        self._answer = NetworkOutput(self._input)

    def __call__(self, rainy: Tensor) -> NetworkOutput:
        """As the network: B×3×H×W to a NetworkOutput of its own memory."""
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
        self._graph = None  # frees the memory of the one before
        self._input = rainy.clone()
        stream = torch.cuda.Stream(rainy.device)
        stream.wait_stream(torch.cuda.current_stream(rainy.device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self._network(self._input)
        torch.cuda.current_stream(rainy.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._answer = self._network(self._input)
        self._graph = graph
