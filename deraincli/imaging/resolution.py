"""The print size of a picture: pixels an inch, across and down."""

from __future__ import annotations

import math
from numbers import Real
from typing import TypeAlias

import PIL.Image

Resolution: TypeAlias = tuple[float, float]

_CENTIMETRES = 2.54
_METRES = 0.0254
_OF_SCREENS = (72, 96)
_PER_INCH, _PER_CENTIMETRE = 1, 2


def read(picture: PIL.Image.Image) -> Resolution | None:
    """The resolution that a loaded picture states outside its EXIF, as stored; None where it states none."""
    if picture.format == "JPEG":  # Pillow would make 72 of what is missing
        scale = {_PER_INCH: 1.0, _PER_CENTIMETRE: _CENTIMETRES}.get(picture.info.get("jfif_unit", 0), 0.0)
        across, down = (scale * density for density in picture.info.get("jfif_density", (0, 0)))
    else:
        stated = picture.info.get("dpi", (0, 0))
        across, down = (float(value) if isinstance(value, Real) else 0.0 for value in stated)
    return (across, down) if 0 < across < math.inf and 0 < down < math.inf else None


def is_a_screens(resolution: Resolution) -> bool:
    """Whether it is what programs write where nobody chose one."""
    return all(round(value) in _OF_SCREENS for value in resolution)


def whole(resolution: Resolution | None, most: int = 65_535) -> tuple[int, int] | None:
    """Round to whole pixels an inch, as JFIF counts."""
    if resolution is None:
        return None
    across, down = (min(max(1, round(value)), most) for value in resolution)
    return across, down


def per_metre(resolution: Resolution) -> tuple[int, int]:
    """Convert to whole pixels a metre, as PNG counts."""
    across, down = (min(round(value / _METRES), 2**31 - 1) for value in resolution)
    return across, down
