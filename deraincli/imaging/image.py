"""What a picture is inside the program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from deraincli.imaging.resolution import Resolution

Pixels: TypeAlias = NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True, eq=False)
class Image:
    """A decoded picture, upright, with everything that is to survive its restoration."""

    pixels: Pixels
    """H×W×C, C-contiguous, uint8 or uint16 over the full range; C = 1 is grey, C = 3 is RGB."""
    alpha: Pixels | None
    """H×W of the same dtype, straight (not premultiplied); None where the picture has no transparency."""
    icc: bytes | None
    """The ICC profile that gives `pixels` their meaning; None stands for sRGB."""
    exif: bytes | None
    """EXIF as a TIFF structure, without the `Exif\\0\\0` prefix, orientation 1, no thumbnail."""
    xmp: bytes | None
    """The XMP packet, orientation 1, no thumbnails, no claims about data outside of it."""
    format: str
    """The format it was read from, a key of `formats.FORMATS`."""
    notes: tuple[str, ...] = ()
    """Sentences for the user on whatever is not as it was in the file."""
    png_chunks: tuple[tuple[bytes, bytes], ...] = ()
    """Colours and aspect as PNG chunks, type and body; put back in a PNG, and cICP in an AVIF."""
    resolution: Resolution | None = None
    """Pixels an inch as the file states them outside its EXIF, of the upright picture."""


Picture = NDArray[np.uint8]
"""H×W×3 RGB."""


Views = tuple[Picture, ...]
"""Aligned pictures of one size and scene: (clean,) or (rainy, clean)."""
