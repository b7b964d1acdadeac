"""Pictures read at a small size."""

from __future__ import annotations

from pathlib import Path

from PIL.JpegImagePlugin import JpegImageFile

from deraincli.imaging import arrays, metadata
from deraincli.imaging.decode import content_format, decode
from deraincli.imaging.display import shrink_to
from deraincli.imaging.image import Pixels
from deraincli.imaging.pixel_reader import decode_errors


def read_thumbnail(file: Path, longest_side: int, *, max_pixels: int) -> Pixels:
    """Reads a picture upright and makes it smaller where a side is longer than `longest_side`.

    A JPEG is decoded at an eighth of its size or more, which takes a fraction of the time.

    Returns:
        Pixels H×W×1 or H×W×3.

    Raises:
        InputError: The file is missing or cannot be read.
        UnreadableImageError: It is damaged, too large, or of a kind that is not handled.
    """
    if content_format(file) == "JPEG":
        pixels = _read_jpeg(file, longest_side, max_pixels)
        if pixels is not None:
            return shrink_to(pixels, longest_side)
    return shrink_to(decode(file, max_pixels=max_pixels).pixels, longest_side)


def _read_jpeg(file: Path, longest_side: int, max_pixels: int) -> Pixels | None:
    """Returns a JPEG, decoded to sides of at least `longest_side` if it has them.

    None leaves the file to `decode`: CMYK has to be converted, and too many pixels have to be refused.
    """
    with file.open("rb") as data, decode_errors(f"'{file}'", "JPEG"):
        picture = JpegImageFile(data)
        if picture.mode not in ("L", "RGB") or picture.width * picture.height > max_pixels:
            return None
        picture.draft(picture.mode, (longest_side, longest_side))
        picture.load()
    pixels, _ = arrays.from_pillow(picture)
    return arrays.upright(pixels, metadata.orientation(picture))
