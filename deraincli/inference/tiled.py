"""Restores a picture of any size over any tile callable, in memory bounded by the tile.

The picture stays the integers (or floats) it is; one tile at a time becomes float32. NumPy only: what
runs a tile (PyTorch, ONNX Runtime, …) is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.errors import DeviceError, InputError
from deraincli.geometry import Region, Size, Span
from deraincli.inference.blend import Blender
from deraincli.inference.tiling import Plan, Tiling, plan

RunTile = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Tile 3×h×w, RGB in 0–1 → C×h×w: the restored RGB; where C is more than 3, then RAM and CAM; where it is
more than 5, then such pairs for `Restored.levels`. The tile's sides are multiples of the tiling's. Raises
MemoryError where the tile is too large."""


class Restored(NamedTuple):
    """A restored picture and, where the tile callable gave them, the maps that steered it."""

    image: NDArray[Any]
    """H×W×3 of the input's dtype."""
    ram: NDArray[np.float32] | None
    """H×W in 0–1: rainy regions related attention map."""
    cam: NDArray[np.float32] | None
    """H×W in 0–1: clean regions related attention map."""
    tile: Size
    """Size of the tiles it was restored in, at the working size."""
    levels: NDArray[np.float32] | None = None
    """L×2×H×W in 0–1: RAM and CAM as they entered each of L encoder levels, every value repeated over the
    pixels that it stands for; L is 0 unless they were recorded."""
    whole: bool = True
    """Whether one tile held it."""
    model: str = ""
    """Name of the model that restored it. A tile callable has none."""


def restore_tiled(
    pixels: NDArray[Any],
    run_tile: RunTile,
    tiling: Tiling,
    *,
    on_progress: OnProgress | None = None,
    on_warning: OnWarning | None = None,
) -> Restored:
    """Restores H×W×3 RGB: uint8 or uint16 over their full range, or floats in 0–1.

    Integers are rounded, and everything is clamped, to the input's range. Tiles that turn out too large
    for memory are halved, which is said. Raises InputError for any other array and DeviceError where
    even the smallest tile does not fit.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise InputError(f"A picture is an array of H×W×3 (RGB), not of shape {pixels.shape}.")
    check_values(pixels)
    size = Size(*pixels.shape[:2])
    image = np.empty(pixels.shape, pixels.dtype)
    while True:
        tiles = plan(size, tiling)
        try:
            return _restore_tiles(pixels, image, run_tile, tiles, on_progress)
        except MemoryError:
            smaller = tiling.halved(max(tiles.tile.height, tiles.tile.width))
        if smaller is None:
            raise DeviceError(_advice(tiles.tile, tiling))
        if on_warning:
            on_warning(
                f"Memory ran out with tiles of {tiles.tile}; going on with {smaller.side} pixels a side."
            )
        tiling = smaller


def _restore_tiles(
    pixels: NDArray[Any], image: NDArray[Any], run_tile: RunTile, tiles: Plan, on_progress: OnProgress | None
) -> Restored:
    maps: NDArray[np.float32] | None = None
    blender = Blender(tiles)
    for done, tile in enumerate(tiles.tiles, start=1):
        block = blender.settle(run_tile(_read(pixels, tile.source)), tile)
        rows, columns = tile.core.slices
        image[rows, columns] = quantised(block[:3], pixels.dtype).transpose(1, 2, 0)
        if len(block) > 3:
            if maps is None:
                maps = np.empty((len(block) - 3, *pixels.shape[:2]), np.float32)
            maps[:, rows, columns] = block[3:]
        if on_progress:
            on_progress(done, len(tiles.tiles))
    if maps is None:
        return Restored(image, None, None, tiles.tile, whole=len(tiles.tiles) == 1)
    levels = maps[2:].reshape(-1, 2, *pixels.shape[:2])
    return Restored(image, maps[0], maps[1], tiles.tile, levels, whole=len(tiles.tiles) == 1)


def check_values(pixels: NDArray[Any]) -> None:
    """Raises InputError for anything but uint8, uint16 or floats in 0–1."""
    if np.issubdtype(pixels.dtype, np.floating):
        if not (pixels.min() >= 0 and pixels.max() <= 1):  # also false for NaN
            raise InputError(
                "A picture of floats runs from 0 to 1: divide it by its white level or clip it first."
            )
    elif pixels.dtype not in (np.uint8, np.uint16):
        raise InputError(f"A picture is of uint8, uint16 or floats in 0–1, not of {pixels.dtype}.")


def _advice(tile: Size, tiling: Tiling) -> str:
    if tiling.side is None:
        return f"The picture does not fit in memory in one piece ({tile}): set tile to 'auto'."
    return (
        f"Even a tile of {tile} does not fit in memory: close other programs, "
        "set device to 'cpu', or choose a smaller model."
    )


def _read(pixels: NDArray[Any], region: Region) -> NDArray[np.float32]:
    """A region as float32 3×h×w in 0–1; past the picture's bottom and right it is mirrored."""
    height, width = pixels.shape[:2]
    rows, columns = _mirrored(region.rows, height), _mirrored(region.columns, width)
    return unit_range(pixels[rows[:, None], columns]).transpose(2, 0, 1)


def _mirrored(span: Span, length: int) -> NDArray[np.intp]:
    """Indices of a span in an axis that goes on as its mirror image, the last pixel not repeated."""
    if length == 1:
        return np.zeros(len(span), np.intp)
    index = np.arange(span.start, span.stop) % (2 * length - 2)
    return np.minimum(index, 2 * length - 2 - index)


def unit_range(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Integers over their full range, or floats in 0–1, as float32 in 0–1."""
    floats = pixels.astype(np.float32)
    if pixels.dtype.kind == "u":
        floats /= np.iinfo(pixels.dtype).max
    return floats


def quantised(block: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Clamped to 0–1 and, for integers, rounded to the nearest of their range."""
    block = block.clip(0, 1)
    if dtype.kind == "u":
        block = np.rint(block * np.iinfo(dtype).max)
    return block.astype(dtype)
