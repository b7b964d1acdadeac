"""Converts pixels between Pillow, OpenCV and NumPy.

Pillow reads 8-bit pictures and 16-bit grey. It silently reduces 16-bit colour to 8 bits, so OpenCV reads
that. Pillow stores RGB at four bytes per pixel. A picture of N pixels therefore needs 7·N bytes while it is
copied and 3·N afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import numpy as np
import PIL.Image

from deraincli.geometry import row_bands
from deraincli.pixels import Pixels

_opencv_log = Lock()

_PLAIN_MODES = {
    "1": "L",
    "L": "L",
    "LA": "LA",
    "La": "LA",
    "PA": "RGBA",
    "RGB": "RGB",
    "RGBX": "RGB",
    "YCbCr": "RGB",
    "RGBA": "RGBA",
    "RGBa": "RGBA",
    # Not converted to one byte order, because Pillow's conversions clip at 255 and NumPy reads all of them.
    "I;16": "I;16",
    "I;16L": "I;16L",
    "I;16B": "I;16B",
}


def plain_mode(picture: PIL.Image.Image) -> str | None:
    """Returns the mode that holds a picture without loss.

    Args:
        picture: The picture, in any mode.

    Returns:
        L, LA, RGB, RGBA or one of the I;16 modes, or None if none of them holds the picture.
    """
    if picture.mode == "P":
        return "RGBA" if picture.has_transparency_data else "RGB"
    return _PLAIN_MODES.get(picture.mode)


def from_pillow(picture: PIL.Image.Image) -> tuple[Pixels, Pixels | None]:
    """Copies a picture into arrays.

    Args:
        picture: A loaded picture in mode L, LA, RGB, RGBA or one of the I;16 modes.

    Returns:
        Pixels H×W×1 or H×W×3, and alpha H×W or None. Both are uint16 for I;16 modes, otherwise uint8.
    """
    width, height = picture.size
    channels = len(picture.getbands())
    colours = 1 if channels < 3 else 3
    dtype = np.uint16 if picture.mode.startswith("I;16") else np.uint8
    pixels = np.empty((height, width, colours), dtype)
    alpha = np.empty((height, width), dtype) if channels > colours else None
    for rows in row_bands(height, width):
        band = np.asarray(picture.crop((0, rows.start, width, rows.stop)))
        band = band.reshape(-1, width, channels)
        pixels[rows] = band[..., :colours]
        if alpha is not None:
            alpha[rows] = band[..., -1]
    return pixels, alpha


def split(samples: Pixels) -> tuple[Pixels, Pixels | None]:
    """Splits interleaved samples into colours and alpha.

    Args:
        samples: H×W×C. C is 1 for grey, 2 for grey with alpha, 3 for RGB and 4 for RGBA.

    Returns:
        Pixels H×W×1 or H×W×3, and alpha H×W or None.
    """
    channels = samples.shape[2]
    colours = 1 if channels < 3 else 3
    alpha = np.ascontiguousarray(samples[..., -1]) if channels > colours else None
    return np.ascontiguousarray(samples[..., :colours]), alpha


def to_pillow(pixels: Pixels, alpha: Pixels | None) -> PIL.Image.Image:
    """Converts arrays to a picture of mode L, LA, RGB or RGBA.

    Args:
        pixels: H×W×1 or H×W×3, uint8.
        alpha: H×W, uint8, or None.

    Returns:
        The picture.
    """
    picture = PIL.Image.fromarray(np.ascontiguousarray(pixels if pixels.shape[2] == 3 else pixels[..., 0]))
    if alpha is not None:
        picture.putalpha(PIL.Image.fromarray(np.ascontiguousarray(alpha)))
    return picture


def deep_samples(data: bytes | bytearray) -> Pixels:
    """Decodes a 16-bit PNG, or a TIFF of 16-bit colour.

    Orientation tags of TIFFs are applied, as Pillow also does.

    Args:
        data: The whole file.

    Returns:
        H×W×1 grey, H×W×3 RGB or H×W×4 RGBA, uint16. Grey with alpha is RGBA.

    Raises:
        ValueError: OpenCV cannot decode it as 16 bits.
    """
    import cv2

    with _silent_opencv():
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16:
        raise ValueError("not decodable as 16 bits")
    pixels = np.atleast_3d(np.asarray(decoded, np.uint16))
    for rows in row_bands(*pixels.shape[:2]):
        pixels[rows, :, :3] = pixels[rows, :, 2::-1]  # OpenCV stores BGR
    return pixels


@contextmanager
def _silent_opencv() -> Iterator[None]:
    """Keeps OpenCV from printing, mainly about unknown TIFF tags.

    The log level is global to the process. The lock lets only one thread at a time change and restore it.
    """
    import cv2

    log = cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2  # OpenCV 5, OpenCV 4
    with _opencv_log:
        level = log.setLogLevel(0)
        try:
            yield
        finally:
            log.setLogLevel(level)


def upright(array: Pixels, orientation: int) -> Pixels:
    """Turns an array upright by an EXIF orientation (TIFF 6.0, tag 274).

    Args:
        array: H×W or H×W×C.
        orientation: EXIF orientation, 1–8.

    Returns:
        The upright array, C-contiguous. Orientations 5–8 swap height and width.
    """
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)
