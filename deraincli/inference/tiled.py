"""Restores a picture of any size tile by tile, in memory bounded by the size of a tile.

The picture keeps its dtype. Only one tile at a time is converted to float32. This module uses NumPy only: the
caller passes the function that restores a tile with PyTorch, ONNX Runtime or a classical method.
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
"""Restores a tile, 3×h×w RGB in 0–1, whose sides are multiples of `Tiling.multiple`.

The result is C×h×w: the restored RGB, then RAM and CAM if C is above 3, then a RAM and a CAM for each encoder
level if C is above 5. It raises MemoryError if the tile is too large.
"""


class RainKinds(NamedTuple):
    """How probable it is that a picture shows each kind of rain. A picture may show both, or neither."""

    streaks: float
    """Probability of streaks, 0–1."""
    drops: float
    """Probability of drops on the lens, 0–1."""

    def record(self) -> dict[str, float]:
        """Returns the probabilities as part of a JSON object."""
        return {kind: round(probability, 4) for kind, probability in self._asdict().items()}


class Restored(NamedTuple):
    """A restored picture with the attention maps that steered the network, if there are any."""

    image: NDArray[Any]
    """The restored picture, with the shape and the dtype of the input."""
    ram: NDArray[np.float32] | None
    """Rainy regions related attention map, H×W in 0–1."""
    cam: NDArray[np.float32] | None
    """Clean regions related attention map, H×W in 0–1."""
    tile: Size
    """Size of the tiles at the finest working size, pixels."""
    levels: NDArray[np.float32] | None = None
    """RAM and CAM as they entered each of L encoder levels, L×2×H×W in 0–1. Each value is repeated over the
    pixels that it covers. L is 0 unless the maps were recorded. None if the network has no maps."""
    whole: bool = True
    """Whether the picture was restored in one tile."""
    sides: tuple[int, ...] = ()
    """Shorter sides of the picture in the passes, in their order, pixels. Empty if there was no choice."""
    model: str = ""
    """Name of the model that restored the picture, empty if the caller passed only a function."""
    rain: RainKinds | None = None
    """The rain by which the model was chosen. None if the caller chose the model."""


def restore_tiled(
    pixels: NDArray[Any],
    run_tile: RunTile,
    tiling: Tiling,
    *,
    on_progress: OnProgress | None = None,
    on_warning: OnWarning | None = None,
) -> Restored:
    """Restores a picture tile by tile. Halves the tiles, with a warning, if they do not fit in memory.

    Args:
        pixels: H×W×3 RGB, uint8 or uint16 over their full range, or floats in 0–1.
        run_tile: Restores one tile.
        tiling: How to cut the picture.
        on_progress: Receives the number of tiles done and their total.
        on_warning: Receives sentences for the user.

    Returns:
        The restored picture and its maps. The picture is clamped to the range of the input. Integers are
        rounded to the nearest.

    Raises:
        InputError: The array has another shape, dtype or range.
        DeviceError: Even the smallest tile does not fit in memory.
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
                f"Tiles of {tiles.tile} do not fit in memory, so tiles of {smaller.side} pixels are used."
            )
        tiling = smaller


def _restore_tiles(
    pixels: NDArray[Any], image: NDArray[Any], run_tile: RunTile, tiles: Plan, on_progress: OnProgress | None
) -> Restored:
    maps: NDArray[np.float32] | None = None
    blender = Blender(tiles)
    for done, tile in enumerate(tiles.tiles, start=1):
        block = blender.add_tile(run_tile(_read(pixels, tile.source)), tile)
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


def check_values(pixels: NDArray[Any], noun: str = "picture") -> None:
    """Checks dtype and range of a picture.

    Args:
        pixels: The picture, any shape that is not empty.
        noun: What the error messages call it.

    Raises:
        InputError: The picture is neither uint8 nor uint16 nor floats in 0–1.
    """
    if np.issubdtype(pixels.dtype, np.floating):
        if not (pixels.min() >= 0 and pixels.max() <= 1):  # also false for NaN
            raise InputError(
                f"A {noun} of floats runs from 0 to 1: divide it by its white level or clip it first."
            )
    elif pixels.dtype not in (np.uint8, np.uint16):
        raise InputError(f"A {noun} is of uint8, uint16 or floats in 0–1, not of {pixels.dtype}.")


def _advice(tile: Size, tiling: Tiling) -> str:
    if tiling.side is None:
        return f"The picture does not fit in memory in one piece ({tile}): set tile to 'auto'."
    return (
        f"Even a tile of {tile} does not fit in memory: close other programs, "
        "set device to 'cpu', or choose a smaller model."
    )


def _read(pixels: NDArray[Any], region: Region) -> NDArray[np.float32]:
    """Reads a region as float32, 3×h×w in 0–1. Beyond the bottom and the right the picture is mirrored."""
    height, width = pixels.shape[:2]
    rows, columns = _mirrored(region.rows, height), _mirrored(region.columns, width)
    return unit_range(pixels[rows[:, None], columns]).transpose(2, 0, 1)


def _mirrored(span: Span, length: int) -> NDArray[np.intp]:
    """Returns the indices of a span on an axis that is mirrored at its end without repeating the edge."""
    if length == 1:
        return np.zeros(len(span), np.intp)
    index = np.arange(span.start, span.stop) % (2 * length - 2)
    return np.minimum(index, 2 * length - 2 - index)


def unit_range(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Converts a picture to float32 in 0–1.

    Args:
        pixels: Unsigned integers over their full range, or floats in 0–1.

    Returns:
        A copy of the same shape, float32 in 0–1.
    """
    floats = pixels.astype(np.float32)
    if pixels.dtype.kind == "u":
        floats /= np.iinfo(pixels.dtype).max
    return floats


def quantised(block: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Converts values in 0–1 to the dtype of a picture.

    Args:
        block: Values, float32. Those outside of 0–1 are clamped.
        dtype: An unsigned integer type, whose full range is used, or a float type.

    Returns:
        The values in `dtype`. Integers are rounded to the nearest.
    """
    block = block.clip(0, 1)
    if dtype.kind == "u":
        block = np.rint(block * np.iinfo(dtype).max)
    return block.astype(dtype)
