"""Joins the answers of overlapping tiles into one picture without seams."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deraincli.inference.tiling import Plan, Tile


class Blender:
    """Takes the answers of a plan's tiles in reading order and hands back finished pixels.

    Only fades are kept: what the tile to the left and the row of tiles above pass on. Neighbours mix as
    `old + weight · (new − old)`, so weights sum to one by construction and equal answers stay bit for
    bit what they are.
    """

    def __init__(self, plan: Plan) -> None:
        self._width = plan.picture.width
        self._left = self._above = np.empty((0, 0, 0), np.float32)

    def settle(self, answer: NDArray[np.float32], tile: Tile) -> NDArray[np.float32]:
        """The final values of `tile.core`, C×h×w, from the tile's answer (which is overwritten)."""
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
    """Mixes `old` into `new`, in place; `weight` is that of `new`."""
    if new.size:
        new[...] = old + weight * (new - old)


def _ramp(length: int) -> NDArray[np.float32]:
    """Half a cosine wave from 0 to 1, both excluded."""
    phase = (np.arange(length, dtype=np.float32) + 0.5) / max(length, 1)
    return (0.5 - 0.5 * np.cos(np.pi * phase)).astype(np.float32)
