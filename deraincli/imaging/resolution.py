"""Reads and converts the print resolution of a picture."""

from __future__ import annotations

import math
from numbers import Real
from typing import TypeAlias

import PIL.Image
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import TiffImageFile

Resolution: TypeAlias = tuple[float, float]
"""Pixels per inch, horizontal and vertical."""

_CENTIMETRES = 2.54
_METRES = 0.0254
_OF_SCREENS = (72, 96)
_PER_INCH, _PER_CENTIMETRE = 1, 2
_TIFF_TAGS = (Base.XResolution, Base.YResolution)


def read(picture: PIL.Image.Image) -> Resolution | None:
    """Reads the resolution that a picture states outside EXIF.

    Args:
        picture: The picture, already loaded.

    Returns:
        The resolution before the picture is turned upright, or None if it states none.
    """
    if picture.format == "JPEG":  # Pillow's `dpi` is 72 if none is stated
        scale = {_PER_INCH: 1.0, _PER_CENTIMETRE: _CENTIMETRES}.get(picture.info.get("jfif_unit", 0), 0.0)
        across, down = (scale * density for density in picture.info.get("jfif_density", (0, 0)))
    elif isinstance(picture, TiffImageFile) and not all(tag in picture.tag_v2 for tag in _TIFF_TAGS):
        return None  # Pillow's `dpi` is 1 if none is stated
    else:
        stated = picture.info.get("dpi", (0, 0))
        across, down = (float(value) if isinstance(value, Real) else 0.0 for value in stated)
    return (across, down) if 0 < across < math.inf and 0 < down < math.inf else None


def is_a_screens(resolution: Resolution) -> bool:
    """Returns whether a resolution is 72 or 96, the defaults that programs write for screens.

    Args:
        resolution: The resolution.

    Returns:
        True for such a default.
    """
    return all(round(value) in _OF_SCREENS for value in resolution)


def whole(resolution: Resolution | None, most: int = 65_535) -> tuple[int, int] | None:
    """Rounds a resolution to whole pixels per inch, the unit of JFIF.

    Args:
        resolution: The resolution, or None.
        most: Largest value. JFIF stores 16 bits.

    Returns:
        The resolution, 1 to `most`, or None.
    """
    if resolution is None:
        return None
    across, down = (min(max(1, round(value)), most) for value in resolution)
    return across, down


def per_metre(resolution: Resolution) -> tuple[int, int]:
    """Converts a resolution to whole pixels per metre, the unit of PNG.

    Args:
        resolution: The resolution.

    Returns:
        Pixels per metre, horizontal and vertical.
    """
    across, down = (min(round(value / _METRES), 2**31 - 1) for value in resolution)
    return across, down
