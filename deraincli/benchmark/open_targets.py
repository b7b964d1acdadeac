"""Targets on their devices, and what a benchmark asks of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from deraincli.benchmark.roofline import Layer, slowest_layers
from deraincli.benchmark.targets import Target
from deraincli.benchmark.workloads import ExportPass, ForwardPass, TilePass, Workload
from deraincli.errors import ModelError, UsageError
from deraincli.inference.backends.base import Backend
from deraincli.inference.backends.classical_backend import ClassicalBackend
from deraincli.inference.backends.export_backend import ExportBackend
from deraincli.inference.backends.registry import EXPORT_BACKENDS
from deraincli.inference.backends.torch_backend import TorchBackend
from deraincli.model_zoo.exports import open_export
from deraincli.models.base import RestorationNetwork


class OpenTarget(Protocol):
    """A target on its device."""

    @property
    def backend(self) -> Backend:
        """The backend that runs the target."""

    def forward_pass(self, side: int, batch: int) -> Workload:
        """Makes the workload of a forward pass.

        Args:
            side: Side of the square pictures in pixels.
            batch: Number of pictures.

        Raises:
            UsageError: The backend does not take several pictures at once.
        """

    def least_memory(self, side: int, batch: int) -> int | None:
        """Estimates the bytes that a forward pass takes at least. None if they are not known beforehand."""

    def bytes_on_cuda(self) -> int | None:
        """Counts the bytes of the weights in the memory that PyTorch manages on CUDA. None elsewhere."""

    def slowest_layers(self, side: int, batch: int, count: int) -> list[Layer]:
        """Finds up to `count` layers that take the most time, the slowest first. Empty if they are hidden."""


@dataclass(frozen=True)
class TorchTarget:
    """A network in PyTorch."""

    backend: TorchBackend

    def forward_pass(self, side: int, batch: int) -> Workload:
        """Makes the workload of a forward pass on pictures that are already on the device."""
        return ForwardPass(self.backend, side, batch)

    def least_memory(self, side: int, batch: int) -> int | None:
        """Estimates the bytes of the activations of an eager pass. Compiled ones may need fewer."""
        return int(self.backend.bytes_per_pixel() * batch * side**2) if self.backend.eager else None

    def bytes_on_cuda(self) -> int | None:
        """Counts the bytes of the weights in all copies."""
        if self.backend.device.type != "cuda":
            return None
        return sum(p.nbytes for network in self.backend.networks for p in network.parameters())

    def slowest_layers(self, side: int, batch: int, count: int) -> list[Layer]:
        """Profiles the network, run eagerly."""
        return slowest_layers(self.backend.networks[0], self.forward_pass(side, batch).fresh(), count)


@dataclass(frozen=True)
class OpaqueTarget:
    """A target that shows neither its memory nor its layers."""

    backend: Backend

    def least_memory(self, side: int, batch: int) -> None:
        """Knows nothing beforehand."""

    def bytes_on_cuda(self) -> None:
        """Has no weights in PyTorch."""

    def slowest_layers(self, side: int, batch: int, count: int) -> list[Layer]:
        """Shows no layers."""
        return []


@dataclass(frozen=True)
class ExportTarget(OpaqueTarget):
    """An export."""

    backend: ExportBackend

    def forward_pass(self, side: int, batch: int) -> Workload:
        """Makes the workload of a pass from arrays to arrays."""
        return ExportPass(self.backend, side, batch)


@dataclass(frozen=True)
class ClassicalTarget(OpaqueTarget):
    """A classical method."""

    def forward_pass(self, side: int, batch: int) -> Workload:
        """Makes the workload of one picture."""
        if batch > 1:
            raise UsageError("Classical methods take single pictures: leave --batch-size at 1.")
        return TilePass(self.backend, side)


def open_target(
    target: Target, network: RestorationNetwork | None, *, device: str, precision: str, backend: str
) -> OpenTarget:
    """Opens a target on a device.

    Args:
        target: The target. Classical methods always run on the CPU in fp32.
        network: The result of `target.build`. The caller must not use it afterwards.
        device: Name of the device.
        precision: Precision of the computation.
        backend: Name of the backend.

    Returns:
        The open target.

    Raises:
        ModelError: The target has no such export or cannot run in this precision.
        DeviceError: The device or the precision is not available.
    """
    if target.method is not None:
        return ClassicalTarget(ClassicalBackend(target.method))
    if backend in EXPORT_BACKENDS:
        if target.file is None:
            raise ModelError(
                f"{backend} runs exports only: '{target.name}' has no weights to export, so train it, "
                "run `derain weights export` on its file and name that file."
            )
        return ExportTarget(open_export(target.file, backend, device=device, precision=precision))
    assert network is not None
    return TorchTarget(TorchBackend(network, device=device, precision=precision, backend=backend))
