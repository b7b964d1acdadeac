"""Masks: grey pictures that say where a restoration is applied."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from deraincli.errors import InputError
from deraincli.files.manifest import Stamp, stamp
from deraincli.geometry import Size, row_bands
from deraincli.imaging import arrays
from deraincli.imaging.colour import rgb_to_grey
from deraincli.imaging.decode import decode
from deraincli.imaging.encode import encode
from deraincli.imaging.image import Image
from deraincli.inference.joint_upsampling import enlarged_rows
from deraincli.inference.tiled import check_values, quantised, unit_range
from deraincli.pixels import Pixels

TOLERANCE = 0.01
"""Largest relative difference between the proportions of a mask and of its picture. One pixel of the mask is
always allowed, because a small mask cannot have the proportions of its picture exactly."""


@dataclass(frozen=True, eq=False)
class Mask:
    """A grey picture of any size with the proportions of the picture that it belongs to."""

    values: Pixels
    """h×w, uint8 or uint16 over the full range. White counts fully, black not at all."""
    name: str = "The mask"
    """Name of the mask at the start of error messages."""

    @property
    def is_black(self) -> bool:
        """Whether every pixel is black."""
        return not self.values.any()

    @property
    def is_white(self) -> bool:
        """Whether every pixel is white."""
        return bool(self.values.min() == np.iinfo(self.values.dtype).max)

    def check(self, picture: Size) -> None:
        """Checks that the mask has the proportions of a picture.

        Args:
            picture: Size of the picture, pixels.

        Raises:
            InputError: The proportions differ by more than TOLERANCE and by more than a pixel of the mask.
        """
        height, width = self.values.shape
        aspect = picture.width / picture.height
        sides = (height, width / aspect), (width, height * aspect)
        if not any(abs(side - exact) <= max(1, TOLERANCE * exact) for side, exact in sides):
            raise InputError(
                f"{self.name} is {Size(height, width)} and the picture {picture}: give a mask of the same "
                "proportions."
            )

    def fitted(self, picture: Size) -> Mask:
        """Returns the mask with no more rows and columns than a picture.

        Args:
            picture: Size of the picture, pixels.
        """
        height, width = self.values.shape
        if height <= picture.height and width <= picture.width:
            return self
        import cv2

        size = min(width, picture.width), min(height, picture.height)
        return Mask(cv2.resize(self.values, size, interpolation=cv2.INTER_AREA), self.name)

    def rows(self, picture: Size, rows: slice) -> NDArray[np.float32]:
        """Returns some rows of the mask at the size of its picture, smoothly enlarged.

        Args:
            picture: Size of the picture, pixels.
            rows: The rows of the picture.

        Returns:
            The rows, n×W×1, float32 in 0–1.
        """
        if self.values.shape == (picture.height, picture.width):
            return unit_range(self.values[rows])[..., None]
        full = np.iinfo(self.values.dtype).max
        return (enlarged_rows(self.values[..., None], picture, rows) / full).clip(0, 1)


def read_mask(file: Path, *, max_pixels: int) -> Mask:
    """Reads a mask of any picture format, upright. Colours become grey, and transparent parts count as black.

    Args:
        file: The mask.
        max_pixels: Larger masks are refused.

    Raises:
        InputError: The file is missing, is not a picture, or is damaged or too large.
    """
    return _read(file, stamp(file), max_pixels)


@lru_cache(maxsize=2)  # all pictures of a batch may share one mask to restore and one to protect
def _read(file: Path, stamped: Stamp | None, max_pixels: int) -> Mask:
    return decode_mask(file, f"The mask '{file}'", max_pixels=max_pixels)


def decode_mask(source: Path | bytes, name: str, *, max_pixels: int) -> Mask:
    """Decodes a mask, as `read_mask` does.

    Args:
        source: The mask's file, or its content.
        name: Name of the mask at the start of error messages.
        max_pixels: Larger masks are refused.

    Raises:
        InputError: The file is missing, is not a picture, or is damaged or too large.
    """
    image = decode(source, max_pixels=max_pixels)
    return Mask(_grey(image.pixels, image.alpha), name)


def mask_from(image: Any) -> Mask:
    """Returns a mask from a picture in memory. Colours become grey, and transparent parts count as black.

    Args:
        image: A PIL image, or an array H×W, H×W×1 or H×W×3 of bool, uint8, uint16, or floats in 0–1.

    Raises:
        InputError: `image` is anything else.
    """
    if isinstance(image, PIL.Image.Image):
        mode = arrays.plain_mode(image)
        if mode is None or 0 in image.size:
            raise InputError(
                f"A PIL image of mode {image.mode} and size {image.size} is not a mask: give one of mode L "
                "that has pixels."
            )
        return Mask(_grey(*arrays.from_pillow(image if image.mode == mode else image.convert(mode))))
    values = as_array(image)
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.shape[2] not in (1, 3) or values.size == 0:
        raise InputError(f"A mask is a PIL image or an array of H×W, not one of shape {np.shape(image)}.")
    if values.dtype == np.bool_:
        values = values * np.uint8(255)
    check_values(values, "mask")
    if values.dtype.kind == "f":
        values = np.rint(values * 65535).astype(np.uint16)
    return Mask(_grey(values, None))


def as_array(image: Any) -> NDArray[Any]:
    """Returns a picture in memory as an array of any shape and dtype, in the byte order of this machine.

    Args:
        image: An array, or nested lists of numbers.

    Raises:
        InputError: `image` is a path, or a list of unequal rows.
    """
    if isinstance(image, str | os.PathLike):
        raise InputError(
            f"'{os.fspath(image)}' is a path, not a picture: open it first, with PIL.Image.open(path)."
        )
    try:
        array = np.asarray(image)
    except ValueError as error:
        raise InputError("A picture is a PIL image or an array, not a list of unequal rows.") from error
    # Libraries return the samples of a big-endian TIFF in its own byte order.
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def mask_file(ram: NDArray[np.float32], format: str) -> bytes:
    """Encodes the attention map of the rainy regions as a mask, to be edited and given back.

    Args:
        ram: The map, H×W in 0–1.
        format: A key of `imaging.formats.FORMATS`.

    Returns:
        The content of a file of 8-bit grey.

    Raises:
        OutputError: The format cannot hold so many pixels along a side.
    """
    values = np.empty((*ram.shape, 1), np.uint8)
    for rows in row_bands(*ram.shape):
        values[rows, :, 0] = quantised(ram[rows], values.dtype)
    return encode(Image(values, format), format)


def _grey(pixels: Pixels, alpha: Pixels | None) -> Pixels:
    """Returns a picture, H×W×1 or H×W×3, as grey H×W on black."""
    grey = (rgb_to_grey(pixels) if pixels.shape[2] == 3 else pixels)[..., 0]
    if alpha is None:
        return np.ascontiguousarray(grey)
    full = np.iinfo(grey.dtype).max
    covered = np.empty_like(grey)
    for rows in row_bands(*grey.shape):
        # The largest value, 65535 · 65535 + 32767, fits in 32 bits.
        covered[rows] = (grey[rows].astype(np.uint32) * alpha[rows] + full // 2) // full
    return covered
