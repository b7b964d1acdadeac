"""Conversions of whole pictures, in bands of rows so that no second copy of a large one appears."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageCms

from deraincli.geometry import row_bands
from deraincli.imaging.image import Pixels


def grey_to_rgb(grey: NDArray[Any]) -> NDArray[Any]:
    """H×W×1 to H×W×3, three equal channels."""
    return np.repeat(grey, 3, axis=2)


def rgb_to_grey(rgb: NDArray[Any]) -> NDArray[Any]:
    """H×W×3 to H×W×1 by BT.601 luma, integers rounded; three equal channels come back as they are."""
    grey = np.empty((*rgb.shape[:2], 1), rgb.dtype)
    for rows in row_bands(*rgb.shape[:2]):
        luma = rgb[rows].astype(np.float64) @ (0.299, 0.587, 0.114)
        grey[rows, :, 0] = np.rint(luma) if rgb.dtype.kind == "u" else luma
    return grey


def to_8_bit(deep: Pixels) -> NDArray[np.uint8]:
    """Round 0–65535 to 0–255, to the nearest: 65535 = 255 · 257.

    Args:
        deep: uint16, H×W or H×W×C.
    """
    shallow = np.empty(deep.shape, np.uint8)
    for rows in row_bands(*deep.shape[:2]):
        shallow[rows] = (deep[rows].astype(np.uint32) + 128) // 257
    return shallow


def unpremultiply(pixels: Pixels, alpha: Pixels) -> None:
    """Turn colours stored as colour × alpha into straight ones, in place; under alpha 0 they become black.

    Args:
        pixels: uint16, H×W×C.
        alpha: uint16, H×W.
    """
    for rows in row_bands(*alpha.shape):
        weight = alpha[rows][..., None].astype(np.uint32)
        # 65535 · 65535 + 32767 still fits 32 bits.
        straight = (pixels[rows].astype(np.uint32) * 65535 + weight // 2) // np.maximum(weight, 1)
        pixels[rows] = np.where(weight > 0, np.minimum(straight, 65535), 0)


def to_srgb(picture: PIL.Image.Image, icc: bytes) -> PIL.Image.Image | None:
    """Convert a grey, RGB or CMYK picture from its ICC profile to sRGB.

    Relative colorimetric with black point compensation, as photo editors do, and without Little CMS's
    tables of 33 steps, which are wrong by up to ten levels in the shadows of linear profiles.

    Returns:
        An RGB picture, or None where the profile is damaged or made for another kind of picture.
    """
    try:
        return ImageCms.profileToProfile(
            picture,
            ImageCms.ImageCmsProfile(BytesIO(icc)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOOPTIMIZE,
        )
    except (ImageCms.PyCMSError, OSError):
        return None


def as_rgb(pixels: Pixels) -> Pixels:
    """H×W×1 or H×W×3 → H×W×3: grey is repeated, RGB returned as it is."""
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
