"""Runs tiles through a PyTorch network and checks every result."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.errors import ModelError
from deraincli.geometry import round_up
from deraincli.inference.backends.attention_recorder import level_strides, recorded_levels, repeated
from deraincli.inference.backends.torch_device import PRECISIONS, choose_device, choose_precision
from deraincli.inference.backends.torch_graphs import RunNetwork, choose_backend, prepare
from deraincli.inference.backends.torch_memory import (
    affordable_side,
    is_out_of_memory,
    peak_bytes,
    room_for_network,
)
from deraincli.inference.tiling import OverlapChoice, TileChoice, Tiling, tiling_for
from deraincli.models.base import NetworkOutput, RestorationNetwork


class TorchBackend:
    """A network on its device, in its precision.

    It does not change after it is built, so several threads may run tiles at once.
    """

    device: torch.device
    precision: str
    """Precision of weights and activations: `fp32`, `bf16` or `fp16`. Pictures stay fp32."""
    backend: str
    """How the network runs: a name of `registry.TORCH_BACKENDS`."""
    notes: tuple[str, ...]
    """Sentences for the user about requests that could not be met."""

    def __init__(
        self,
        network: RestorationNetwork,
        *,
        device: str = "auto",
        precision: str = "auto",
        backend: str = "eager",
    ) -> None:
        """Moves a network to its device.

        Args:
            network: The network with float32 weights. The caller must not use it afterwards.
            device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
            precision: `auto` or a key of PRECISIONS.
            backend: A name of `registry.TORCH_BACKENDS`.

        Raises:
            DeviceError: The device, the precision or the backend is not available, or memory runs out.
            UsageError: There is no such backend.
        """
        self.device = choose_device(device)
        self.precision = choose_precision(precision, self.device)
        self.backend, self.notes = choose_backend(backend, self.device)
        self.size_multiple = network.size_multiple
        self.tile_margin = network.tile_margin
        with room_for_network(self.device):
            network = network.eval().to(self.device)
            self._exact = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self._network = self._exact
            if self.precision != "fp32":
                self._network = copy.deepcopy(self._exact).to(PRECISIONS[self.precision])
        self._run: RunNetwork = prepare(self._network, self.backend)

    @property
    def level_strides(self) -> tuple[int, ...]:
        """Pixels of a tile per pixel of each encoder level that the maps enter, the finest level first."""
        return level_strides(self._network)

    @property
    def eager(self) -> bool:
        """Whether PyTorch runs the network as it is, neither compiled nor as a graph."""
        return self._run is self._network

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """The network, and its fp32 version, which runs again if a result is not finite."""
        return (self._network,) if self._network is self._exact else (self._network, self._exact)

    def tiling(self, tile: TileChoice, overlap: OverlapChoice) -> Tiling:
        """Chooses how to cut pictures, as `Backend.tiling` describes."""
        margin, multiple = self.tile_margin, self.size_multiple
        return tiling_for(tile, overlap, margin=margin, multiple=multiple, affordable=self._affordable_side)

    def run_tile(
        self,
        tile: NDArray[np.float32],
        *,
        maps: bool = False,
        levels: bool = False,
        on_progress: OnProgress | None = None,
        on_warning: OnWarning | None = None,
    ) -> NDArray[np.float32]:
        """Restores one tile, as `Backend.run_tile` describes, without progress, because a tile is one step.

        A result that is not finite is computed again in fp32, with a warning. With levels, the network runs
        eagerly, whatever the backend, because hooks do not see compiled code.
        """
        # The MemoryError is raised outside of `except`, because it would keep the tensors of the failed run
        # alive there.
        try:
            if not levels:
                return self._run_tile(tile, self._run, maps, on_warning)
            with recorded_levels(self.networks) as recorded:
                answer = self._run_tile(tile, self._network, True, on_warning)
            return np.concatenate([answer, *repeated(recorded, self.level_strides)])
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            shortage = str(error)
        raise MemoryError(shortage)

    @torch.inference_mode()
    def run_batch(self, pictures: Tensor) -> NetworkOutput:
        """Runs the network on a batch. Neither the input nor the result is checked.

        Args:
            pictures: B×3×H×W float32 in 0–1 on the device. H and W are multiples of `size_multiple`.

        Returns:
            The output of the network.
        """
        return self._run(pictures)

    @torch.inference_mode()
    def bytes_per_pixel(self) -> float:
        """Measures the memory of a tile's activations, in bytes per pixel of the tile."""
        side = round_up(128, self.size_multiple)
        with room_for_network(self.device):
            tile = torch.zeros(1, 3, side, side, device=self.device).contiguous(
                memory_format=torch.channels_last
            )
            return peak_bytes(lambda: self._network(tile)) / side**2

    @torch.inference_mode()
    def _run_tile(
        self, tile: NDArray[np.float32], run: RunNetwork, maps: bool, on_warning: OnWarning | None
    ) -> NDArray[np.float32]:
        picture = torch.from_numpy(tile)[None].to(self.device)
        picture = picture.contiguous(memory_format=torch.channels_last)
        answer = _stack(run(picture), maps)
        if not answer.isfinite().all() and self._network is not self._exact:
            if on_warning:
                on_warning(
                    f"Parts of the picture overflowed in {self.precision} and were computed again in fp32."
                )
            answer = _stack(self._exact(picture), maps)
        if not answer.isfinite().all():
            raise ModelError(
                "The network's answer is not finite: its weights are damaged, so fetch them again."
            )
        return answer.cpu().numpy()

    def _affordable_side(self, least: int) -> int:
        return affordable_side(self.bytes_per_pixel(), self.device, least=least)


def _stack(answer: NetworkOutput, maps: bool) -> Tensor:
    """Stacks the picture and, if `maps` is set and they exist, RAM and CAM to C×h×w float32."""
    layers = [answer.image]
    if maps and answer.ram is not None and answer.cam is not None:
        layers += [answer.ram, answer.cam]
    return torch.cat([layer[0].float() for layer in layers])
