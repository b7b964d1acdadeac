"""Workloads to time. Each is a forward pass or a picture from file to file, with a new input each time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from deraincli.inference.backends.base import Backend
from deraincli.inference.backends.export_backend import ExportBackend
from deraincli.inference.backends.torch_backend import TorchBackend
from deraincli.inference.backends.torch_memory import is_out_of_memory
from deraincli.pixels import Floats
from deraincli.restoration.derainer import Derainer
from deraincli.restoration.restore_file import SaveOptions, restore_file


class Workload(Protocol):
    """Something that is timed."""

    def fresh(self) -> Any:
        """Makes a new random input before the time is taken."""

    def run(self, given: Any) -> None:
        """Runs one pass and returns when the device has finished.

        Args:
            given: An input from `fresh`.

        Raises:
            MemoryError: Memory runs out.
        """


class ForwardPass:
    """Forward pass of a network on pictures that are already on the device."""

    def __init__(self, backend: TorchBackend, side: int, batch: int) -> None:
        self._backend = backend
        self._shape = (batch, 3, side, side)

    def fresh(self) -> Tensor:
        """Makes uniform noise B×3×H×W in 0–1, channels last."""
        with shortage_as_memory_error():
            pictures = torch.rand(self._shape, device=self._backend.device)
            pictures = pictures.contiguous(memory_format=torch.channels_last)
            synchronise(self._backend.device)
        return pictures

    def run(self, given: Tensor) -> None:
        """Restores a batch without checks.

        Args:
            given: A batch from `fresh`.
        """
        with shortage_as_memory_error():
            self._backend.run_batch(given)
            synchronise(self._backend.device)


class ExportPass:
    """Pass of an export, with arrays as input and output."""

    def __init__(self, backend: ExportBackend, side: int, batch: int) -> None:
        self._backend = backend
        self._shape = (batch, 3, side, side)

    def fresh(self) -> Floats:
        """Makes uniform noise B×3×H×W in 0–1."""
        return np.random.default_rng().random(self._shape, np.float32)

    def run(self, given: Floats) -> None:
        """Restores a batch without checks.

        Args:
            given: A batch from `fresh`.
        """
        self._backend.run_batch(given)


class TilePass:
    """Restoration of one picture by a classical method."""

    def __init__(self, backend: Backend, side: int) -> None:
        self._backend = backend
        self._shape = (3, side, side)

    def fresh(self) -> Floats:
        """Makes uniform noise 3×H×W in 0–1."""
        return np.random.default_rng().random(self._shape, np.float32)

    def run(self, given: Floats) -> None:
        """Restores a tile.

        Args:
            given: A tile from `fresh`.
        """
        self._backend.run_tile(given)


class FileToFile:
    """The work of `derain image` from JPEG to JPEG, tiles included, without the start of the program."""

    def __init__(self, derainer: Derainer, side: int) -> None:
        self._derainer = derainer
        self._side = side

    def fresh(self) -> bytes:
        """Makes a JPEG of random blobs, which compress like a photo."""
        blobs = np.random.default_rng().integers(0, 256, (self._side // 8 + 1,) * 2 + (3,), np.uint8)
        picture = cv2.resize(blobs, (self._side, self._side), interpolation=cv2.INTER_LINEAR)
        return cv2.imencode(".jpg", picture)[1].tobytes()

    def run(self, given: bytes) -> None:
        """Decodes, restores and encodes a picture.

        Args:
            given: A JPEG from `fresh`.
        """
        restore_file(self._derainer, given, SaveOptions("JPEG"))


@contextmanager
def shortage_as_memory_error() -> Iterator[None]:
    """Converts PyTorch's out-of-memory errors to MemoryError."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(str(error)) from None


def synchronise(device: torch.device) -> None:
    """Waits until a device has finished all its work.

    Args:
        device: The device. A CPU needs no waiting.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
