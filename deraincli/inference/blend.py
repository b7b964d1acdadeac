"""Joins restored tiles that overlap into one picture without seams."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deraincli.inference.tiling import Plan, Tile


class Blender:
    """Takes the restored tiles of a plan in reading order and returns finished pixels.

    It keeps only the fades: the pixels that the tile to the left and the row of tiles above share with the
    tiles that follow. Neighbours mix as `old + weight · (new − old)`. The weights therefore sum to one, and
    equal values stay the same to the bit.
    """

    def __init__(self, plan: Plan) -> None:
        """Starts a picture.

        Args:
            plan: The tiles of the picture.
        """
        self._width = plan.picture.width
        self._left = self._above = np.empty((0, 0, 0), np.float32)

    def add_tile(self, answer: NDArray[np.float32], tile: Tile) -> NDArray[np.float32]:
        """Blends a tile with its neighbours.

        Args:
            answer: The restored tile, C×H×W, as large as `tile.source`. It is overwritten.
            tile: The next tile of the plan.

        Returns:
            The final values of `tile.core`, C×h×w.
        """
        rows, columns = tile.rows, tile.columns
        top, left = rows.core.start - rows.source.start, columns.core.start - columns.source.start
        height, width = tile.core.size.height, tile.core.size.width
        block = answer[:, top : top + height + rows.fade_out, left : left + width + columns.fade_out]
        _fade(self._left, block[:, :, : columns.blend_in], _ramp(columns.blend_in))
        self._left = block[:, :, width:]

        block = block[:, :, :width]
        if rows.blend_in:
            above = self._above[:, :, columns.core.slice]
            _fade(above, block[:, : rows.blend_in], _ramp(rows.blend_in)[:, None])
        if rows.fade_out:
            if self._above.size == 0:
                self._above = np.empty((len(answer), rows.fade_out, self._width), np.float32)
            self._above[:, :, columns.core.slice] = block[:, height:]
        return block[:, :height]


def _fade(old: NDArray[np.float32], new: NDArray[np.float32], weight: NDArray[np.float32]) -> None:
    """Mixes `old` into `new` in place. `weight` is the weight of `new`."""
    if new.size:
        new[...] = old + weight * (new - old)


def _ramp(length: int) -> NDArray[np.float32]:
    """Returns half a cosine wave that rises from 0 to 1, both excluded."""
    phase = (np.arange(length, dtype=np.float32) + 0.5) / max(length, 1)
    return (0.5 - 0.5 * np.cos(np.pi * phase)).astype(np.float32)
