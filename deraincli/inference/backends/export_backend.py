"""What all engines that run exported models share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.errors import ModelError, UsageError
from deraincli.inference.backends.export_metadata import OUTPUTS, Description, description_in
from deraincli.inference.tiling import OverlapChoice, TileChoice, Tiling, tiling_for

IMAGE = OUTPUTS[:1]
NO_LEVELS = "Exports show no attention maps at encoder levels: set backend to 'eager'."

SIDE = 928
"""Side of a tile, pixels. Larger tiles overlap less, but take more memory: 0.6 to 0.9 GB for balnet-lite."""

MEMORY_FACTOR = 2.5
"""Memory that an engine takes, as a multiple of PyTorch's activations. Measured on balnet-lite: at most 1.5
in ONNX Runtime, 2.4 in OpenVINO in fp32 and 1.6 in bf16."""


class ExportBackend(ABC):
    """An exported model on its device, without PyTorch and its start-up time.

    It does not change after it is built, so several threads may run tiles at once.
    """

    device: str
    precision: str
    backend: str
    notes: tuple[str, ...] = ()

    def __init__(self, path: Path, metadata: Mapping[str, str], outputs: Collection[str]) -> None:
        """Reads how to run an export.

        Args:
            path: The file, for messages.
            metadata: The metadata of the file.
            outputs: Names of its outputs.

        Raises:
            ModelError: `derain weights export` did not make the file.
        """
        description = description_in(metadata)
        if description is None:
            raise ModelError(
                f"'{path}' does not say how to run it, as exports of this version do: "
                "make one with `derain weights export --overwrite`."
            )
        self.description: Description = description
        self._with_maps = OUTPUTS if set(OUTPUTS) <= set(outputs) else IMAGE

    @property
    def level_strides(self) -> tuple[int, ...]:
        """Empty, because exports show no maps at encoder levels."""
        return ()

    def tiling(self, tile: TileChoice, overlap: OverlapChoice) -> Tiling:
        """Chooses how to cut pictures, as `Backend.tiling` describes."""
        margin, multiple = self.description.tile_margin, self.description.size_multiple
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
        """Restores one tile, as `Backend.run_tile` describes, without progress and warnings.

        Raises:
            UsageError: Maps at encoder levels are asked for.
        """
        if levels:
            raise UsageError(NO_LEVELS)
        answer = self.run_batch(np.ascontiguousarray(tile[None]), self._with_maps if maps else IMAGE)
        if not np.isfinite(answer).all():
            raise ModelError(
                f"The model's answer is not finite in {self.precision}: export it with --precision fp32."
            )
        return answer[0]

    @abstractmethod
    def run_batch(self, pictures: NDArray[np.float32], outputs: Sequence[str] = IMAGE) -> NDArray[np.float32]:
        """Runs the model on a batch. Neither the input nor the result is checked.

        Args:
            pictures: B×3×H×W in 0–1. H and W are multiples of the description's `size_multiple`.
            outputs: Names of OUTPUTS that the file has.

        Returns:
            The outputs one behind the other, B×C×H×W. The restored pictures have three channels, and a map
            has one.

        Raises:
            MemoryError: The batch is too large for the device.
        """

    def _affordable_side(self, least: int) -> int:
        """Returns the side of a tile: at least `least`, unless half of the free memory allows less."""
        free = psutil.virtual_memory().available / 2
        fits = math.isqrt(int(free / (MEMORY_FACTOR * self.description.bytes_per_pixel)))
        return max(min(max(SIDE, least), fits), 1)
