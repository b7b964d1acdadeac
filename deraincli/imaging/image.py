"""Defines a picture in memory."""

from __future__ import annotations

from dataclasses import dataclass

from deraincli.imaging.resolution import Resolution
from deraincli.pixels import Picture, Pixels


@dataclass(frozen=True, eq=False)
class Image:
    """A decoded, upright picture with everything that its restored file keeps."""

    pixels: Pixels
    """H×W×C, C-contiguous, uint8 or uint16 over the full range. C is 1 for grey and 3 for RGB."""
    format: str
    """Format that the picture was read from, a key of `formats.FORMATS`."""
    alpha: Pixels | None = None
    """H×W of the same dtype, straight (not premultiplied). None if the picture has no transparency."""
    icc: bytes | None = None
    """ICC profile of `pixels`. None stands for sRGB."""
    exif: bytes | None = None
    """EXIF as a TIFF structure without the prefix `Exif\\0\\0`, with orientation 1 and no thumbnail."""
    xmp: bytes | None = None
    """XMP packet with orientation 1, without thumbnails and without references to data outside it."""
    notes: tuple[str, ...] = ()
    """Sentences for the user on every difference from the file in pixels, alpha and colours."""
    png_chunks: tuple[tuple[bytes, bytes], ...] = ()
    """Type and body of PNG chunks for colours and aspect. A PNG keeps all of them, an AVIF only cICP."""
    resolution: Resolution | None = None
    """Resolution of the upright picture in pixels per inch, as the file states it outside EXIF."""
    left_out: tuple[str, ...] = ()
    """Sentences for the user on what else the file holds and a restored file will not keep."""
    lossless_webp: bool = False
    """Whether the picture was read from a lossless WebP. As a WebP, it stays lossless by default."""


Views = tuple[Picture, ...]
"""Aligned pictures of one size and scene, either (clean,) or (rainy, clean)."""
