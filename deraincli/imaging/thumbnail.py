"""Reads pictures at a small size, for display."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PIL.JpegImagePlugin import JpegImageFile

from deraincli.imaging import arrays, metadata
from deraincli.imaging.decode import content_format, decode
from deraincli.imaging.display import shrink_to, to_display_rgb
from deraincli.imaging.image import Image
from deraincli.imaging.pixel_reader import decode_errors
from deraincli.pixels import Picture


def read_thumbnail(file: Path, longest_side: int, *, max_pixels: int) -> Picture:
    """Reads a picture upright and shrinks it so that no side is longer than `longest_side`.

    A large JPEG is decoded at a reduced size of down to one eighth, which takes a fraction of the time.

    Args:
        file: The picture.
        longest_side: Largest allowed side in pixels.
        max_pixels: Larger pictures are refused.

    Returns:
        H×W×3 in sRGB, without transparency.

    Raises:
        InputError: The file is missing or cannot be read.
        UnreadableImageError: The picture is damaged, too large or not of a supported kind.
    """
    image = _read_jpeg(file, longest_side, max_pixels) if content_format(file) == "JPEG" else None
    image = image or decode(file, max_pixels=max_pixels)
    return to_display_rgb(replace(image, pixels=shrink_to(image.pixels, longest_side), alpha=None))


def _read_jpeg(file: Path, longest_side: int, max_pixels: int) -> Image | None:
    """Decodes a JPEG at a reduced size of at least `longest_side`.

    Returns None for CMYK and for too many pixels, which `decode` converts or refuses.
    """
    with file.open("rb") as data, decode_errors(f"'{file}'", "JPEG"):
        picture = JpegImageFile(data)
        if picture.mode not in ("L", "RGB") or picture.width * picture.height > max_pixels:
            return None
        picture.draft(picture.mode, (longest_side, longest_side))
        picture.load()
    pixels, _ = arrays.from_pillow(picture)
    upright = arrays.upright(pixels, metadata.orientation(picture))
    return Image(upright, "JPEG", icc=picture.info.get("icc_profile"))
