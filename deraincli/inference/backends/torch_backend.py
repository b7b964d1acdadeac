"""Runs tiles through a PyTorch network: device, precision, tile size, and the checks on every answer."""

from __future__ import annotations

import copy
from typing import Literal

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
from deraincli.inference.tiling import Tiling, tiling_for
from deraincli.models.base import NetworkOutput, RestorationNetwork


class TorchBackend:
    """A network on its device, in its precision.

    It never changes after it is built, so several threads may run tiles at once.
    """

    device: torch.device
    precision: str
    """`fp32`, `bf16` or `fp16`: that of weights and activations; pictures stay fp32."""
    backend: str
    """A name of `torch_graphs.BACKENDS`: how the network runs."""
    notes: tuple[str, ...]
    """Sentences for the user: what is not as asked for."""

    def __init__(
        self,
        network: RestorationNetwork,
        *,
        device: str = "auto",
        precision: str = "auto",
        backend: str = "eager",
    ) -> None:
        """Takes over `network`, whose weights are float32.

        Raises DeviceError for a device, precision or backend that is not there, UsageError for an unknown
        backend.
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
        """Pixels of a tile per pixel of each encoder level that the maps enter, the finest first."""
        return level_strides(self._network)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """The network, and the one in fp32 that steps in where its answer is not finite."""
        return (self._network,) if self._network is self._exact else (self._network, self._exact)

    def tiling(self, tile: int | Literal["auto", "off"], overlap: int | Literal["auto"]) -> Tiling:
        """How to cut pictures; "auto" depends on the memory free now, so ask once, not for each picture.

        Raises UsageError for sizes that make no sense.
        """
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
        """Restores one tile, as `Backend.run_tile` describes.

        A network runs eagerly for `levels`, whatever the backend, because hooks see nothing else. An answer
        that is not finite is computed again in fp32, with a warning. Raises MemoryError if the tile is too
        large for the device, and ModelError if even fp32 is not finite.
        """
        # The MemoryError is raised outside of `except`, so that it does not keep the tensors of the
        # failed run alive.
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
        """B×3×H×W float32 in 0–1 on the device, sides multiples of `size_multiple`; unchecked."""
        return self._run(pictures)

    @torch.inference_mode()
    def bytes_per_pixel(self) -> float:
        """Memory of a tile's activations, which grows with its area."""
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
    """C×h×w float32: the picture and, where asked for and there, RAM and CAM."""
    layers = [answer.image]
    if maps and answer.ram is not None and answer.cam is not None:
        layers += [answer.ram, answer.cam]
    return torch.cat([layer[0].float() for layer in layers])
