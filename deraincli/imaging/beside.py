"""Finds what a file holds besides its picture, EXIF, XMP and ICC profile.

Such content is left out of the restored file, and the user gets a note.
"""

from __future__ import annotations

from collections.abc import Iterator

from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from deraincli.imaging import jpeg, png, webp

_IPTC_OF_TIFF = 33723
_PADDING = b"\0\xff"

BEHIND = "What the file holds beside the picture (a video, a gain map, a preview, a sound) is left out."


def notes(picture: ImageFile, data: bytes, format: str, *, claimed: bool) -> tuple[str, ...]:
    """Describes what is left out.

    Args:
        picture: The picture, opened from `data`.
        data: The whole file.
        format: A key of `formats.FORMATS`.
        claimed: Whether the XMP mentions further content.

    Returns:
        At most one sentence about descriptions and one about further content.
    """
    found = tuple(dict.fromkeys(_descriptions(picture, data, format)))
    note = f"Of the descriptions only EXIF and XMP are kept; left out: {', '.join(found)}."
    said = (note,) if found else ()
    return (*said, BEHIND) if claimed or _behind(data, format) else said


def _descriptions(picture: ImageFile, data: bytes, format: str) -> Iterator[str]:
    if format == "JPEG":
        yield from jpeg.left_out(data)
    elif format == "PNG":
        yield from png.left_out(data)
    elif isinstance(picture, TiffImageFile) and _IPTC_OF_TIFF in picture.tag_v2:
        yield "IPTC"


def _behind(data: bytes, format: str) -> bytes:
    """Returns the data after the end of the picture, without padding."""
    ends = {"JPEG": jpeg.end, "PNG": png.end, "WEBP": webp.end}
    return data[ends[format](data) :].strip(_PADDING) if format in ends else b""
