"""Converts pixels between grey, RGB, bit depths and colour spaces.

Large pictures are converted in bands of rows, so that intermediate arrays stay small.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageCms

from deraincli.geometry import row_bands
from deraincli.pixels import LUMA, Pixels


def rgb_to_grey(rgb: NDArray[Any]) -> NDArray[Any]:
    """Converts RGB to grey by BT.601 luma. Three equal channels keep their value.

    Args:
        rgb: H×W×3 of any dtype.

    Returns:
        H×W×1 of the same dtype. Unsigned integers are rounded.
    """
    grey = np.empty((*rgb.shape[:2], 1), rgb.dtype)
    for rows in row_bands(*rgb.shape[:2]):
        luma = rgb[rows].astype(np.float64) @ LUMA
        grey[rows, :, 0] = np.rint(luma) if rgb.dtype.kind == "u" else luma
    return grey


def to_8_bit(deep: Pixels) -> NDArray[np.uint8]:
    """Rounds 16-bit values to the nearest 8-bit values. 65535 equals 255 · 257.

    Args:
        deep: H×W or H×W×C, uint16, 0–65535.

    Returns:
        The same shape, uint8, 0–255.
    """
    shallow = np.empty(deep.shape, np.uint8)
    for rows in row_bands(*deep.shape[:2]):
        shallow[rows] = (deep[rows].astype(np.uint32) + 128) // 257
    return shallow


def unpremultiply(pixels: Pixels, alpha: Pixels) -> None:
    """Converts premultiplied colours to straight ones in place. Colours under alpha 0 become black.

    Args:
        pixels: Colours multiplied by alpha, H×W×C, uint16.
        alpha: H×W, uint16.
    """
    for rows in row_bands(*alpha.shape):
        weight = alpha[rows][..., None].astype(np.uint32)
        # The largest value, 65535 · 65535 + 32767, fits in 32 bits.
        straight = (pixels[rows].astype(np.uint32) * 65535 + weight // 2) // np.maximum(weight, 1)
        pixels[rows] = np.where(weight > 0, np.minimum(straight, 65535), 0)


def to_srgb(picture: PIL.Image.Image, icc: bytes) -> PIL.Image.Image | None:
    """Converts a picture from its ICC profile to sRGB.

    The conversion is relative colorimetric with black point compensation, as in photo editors. It does not
    use Little CMS's tables of 33 steps, which are wrong by up to ten levels in the shadows of linear
    profiles.

    Args:
        picture: A grey, RGB or CMYK picture.
        icc: Its ICC profile.

    Returns:
        An RGB picture, or None if the profile is damaged or does not fit the picture's mode.
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
    """Returns a picture as RGB.

    Args:
        pixels: H×W×1 or H×W×3.

    Returns:
        H×W×3. Grey is repeated in three channels. RGB is returned without a copy.
    """
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
