"""What runs tiles: the protocol of all backends."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.inference.tiling import Tiling


class Backend(Protocol):
    """A network or classical method on its device, in its precision.

    Several threads may run tiles at once.
    """

    @property
    def device(self) -> object:
        """As text `cpu`, `cuda:0`, …"""

    precision: str
    """`fp32`, `bf16`, `fp16` or `int8`: that of weights and activations; pictures stay fp32."""
    backend: str
    """What `--backend` calls it."""
    notes: tuple[str, ...]
    """Sentences for the user: what is not as asked for."""

    @property
    def level_strides(self) -> tuple[int, ...]:
        """Pixels of a tile per pixel of each encoder level that the maps enter, the finest first.

        Networks without such levels have none. Raises UsageError if the backend gives no maps.
        """

    def tiling(self, tile: int | Literal["auto", "off"], overlap: int | Literal["auto"]) -> Tiling:
        """How to cut pictures. Raises UsageError for sizes that make no sense."""

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
            levels: Whether to add RAM and CAM, and both as they enter each encoder level. Each of their
                values is repeated over the stride×stride pixels that it stands for.
            on_progress: Receives the steps done within this tile and their number, if there are any.
            on_warning: Receives sentences for the user.

        Returns:
            3×h×w, with maps 5×h×w, with levels (5 + 2·levels)×h×w.

        Raises:
            MemoryError: The tile is too large.
            UsageError: The backend gives no maps.
            ModelError: The answer is not finite.
        """
