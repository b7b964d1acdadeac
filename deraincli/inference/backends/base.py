"""The protocol of all backends."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.inference.tiling import OverlapChoice, TileChoice, Tiling


class Backend(Protocol):
    """A network or classical method on its device, in its precision.

    Several threads may run tiles at once.
    """

    @property
    def device(self) -> object:
        """The device, which prints as `cpu`, `cuda:0` and so on."""

    precision: str
    """Precision of weights and activations: `fp32`, `bf16`, `fp16` or `int8`. Pictures stay fp32."""
    backend: str
    """Name of the backend as `--backend` takes it, or `classical`."""
    notes: tuple[str, ...]
    """Sentences for the user about requests that could not be met."""

    @property
    def level_strides(self) -> tuple[int, ...]:
        """Pixels of a tile per pixel of each encoder level that the maps enter, the finest level first.

        Empty if maps enter no level of the network, or if the backend does not show them there.

        Raises:
            UsageError: The backend has no maps.
        """

    def tiling(self, tile: TileChoice, overlap: OverlapChoice) -> Tiling:
        """Chooses how to cut pictures.

        The answer to "auto" depends on the memory that is free now. Call this once, not for each picture.

        Args:
            tile: Largest side of a tile in pixels, "auto" or "off".
            overlap: Overlap in pixels, or "auto".

        Returns:
            The tiling.

        Raises:
            UsageError: The sizes are impossible.
        """

    def run_tile(
        self,
        tile: NDArray[np.float32],
        *,
        maps: bool = False,
        levels: bool = False,
        on_progress: OnProgress | None = None,
        on_warning: OnWarning | None = None,
    ) -> NDArray[np.float32]:
        """Restores one tile.

        Args:
            tile: 3×h×w RGB in 0–1.
            maps: Whether to add RAM and CAM, if the network has them.
            levels: Whether to add RAM and CAM, and both as they enter each encoder level. Each value is
                repeated over the stride×stride pixels that it covers.
            on_progress: Receives the number of steps done within this tile and their total, if it has steps.
            on_warning: Receives sentences for the user.

        Returns:
            The restored tile, 3×h×w. With maps 5×h×w, with L levels (5 + 2·L)×h×w.

        Raises:
            MemoryError: The tile is too large for the device.
            UsageError: The backend has no maps.
            ModelError: The result is not finite.
        """
