"""Runs a network on each tile and on its mirror image, and averages both results (self-ensemble).

Rain looks alike in a mirror, but the errors of a network differ. Self-ensemble: Timofte et al., "Seven ways
to improve example-based single image super resolution", CVPR 2016. Other symmetries are not used, because
rain falls downwards.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress, OnWarning, part_of
from deraincli.inference.backends.base import Backend
from deraincli.inference.tiling import OverlapChoice, TileChoice, Tiling


class MirroredBackend:
    """A backend that takes twice as long as another one and averages its errors. See `Backend`."""

    def __init__(self, backend: Backend) -> None:
        """Wraps a backend.

        Args:
            backend: Restores the tiles and their mirror images.
        """
        self._backend = backend
        self.precision, self.backend, self.notes = backend.precision, backend.backend, backend.notes

    @property
    def device(self) -> object:
        """The device of the wrapped backend."""
        return self._backend.device

    @property
    def level_strides(self) -> tuple[int, ...]:
        """The strides of the wrapped backend."""
        return self._backend.level_strides

    def tiling(self, tile: TileChoice, overlap: OverlapChoice) -> Tiling:
        """Chooses how to cut pictures, as the wrapped backend does."""
        return self._backend.tiling(tile, overlap)

    def run_tile(
        self,
        tile: NDArray[np.float32],
        *,
        maps: bool = False,
        levels: bool = False,
        on_progress: OnProgress | None = None,
        on_warning: OnWarning | None = None,
    ) -> NDArray[np.float32]:
        """Restores one tile. Arguments, result and errors are those of `Backend.run_tile`."""
        first, second = (
            self._backend.run_tile(
                given,
                maps=maps,
                levels=levels,
                on_progress=part_of(on_progress, half, 2),
                on_warning=on_warning,
            )
            for half, given in enumerate((tile, np.ascontiguousarray(tile[..., ::-1])))
        )
        return (first + second[..., ::-1]) * np.float32(0.5)
