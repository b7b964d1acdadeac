"""What runs tiles: the part that PyTorch's and ONNX Runtime's backends have in common."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from deraincli.callbacks import OnWarning
from deraincli.inference.tiling import Tiling


class Backend(Protocol):
    """A network on its device, in its precision. Several threads may run tiles at once."""

    @property
    def device(self) -> object:
        """As text `cpu`, `cuda:0`, …"""

    precision: str
    """`fp32`, `bf16`, `fp16` or `int8`: that of weights and activations; pictures stay fp32."""
    backend: str
    """What `--backend` calls it."""
    notes: tuple[str, ...]
    """Sentences for the user: what is not as asked for."""

    def tiling(self, tile: int | Literal["auto", "off"], overlap: int | Literal["auto"]) -> Tiling:
        """How to cut pictures. Raises UsageError for sizes that make no sense."""

    def run_tile(
        self, tile: NDArray[np.float32], *, maps: bool = False, on_warning: OnWarning | None = None
    ) -> NDArray[np.float32]:
        """Restores one tile, 3×h×w RGB in 0–1, to 3×h×w, or 5×h×w with RAM and CAM where `maps` asks for them
        and the network has them. Raises MemoryError where the tile is too large."""
