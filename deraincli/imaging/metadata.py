"""EXIF: out of a file, and made true for the picture that is written.

The restored picture is upright and without rain, so the orientation becomes 1 and embedded thumbnails
(upside down, rainy) go. EXIF is edited in place, byte for byte, because maker notes hold offsets that
do not survive a rewriting. Structure: TIFF 6.0, section 2; CIPA DC-008 (Exif 2.32), section 4.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import PIL.Image
from PIL.ExifTags import IFD, Base

DAMAGED_EXIF = "The EXIF block is damaged and was left out."

TIFF_TAGS = (
    *(Base.DocumentName, Base.ImageDescription, Base.Make, Base.Model, Base.PageName, Base.Software),
    *(Base.XResolution, Base.YResolution, Base.ResolutionUnit, Base.DateTime, Base.Artist),
    *(Base.HostComputer, Base.Rating, Base.RatingPercent, Base.Copyright),
    *(Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords, Base.XPSubject),
)
"""What of a TIFF's first directory describes the picture rather than the layout of the file."""

_JPEG_THUMBNAIL = (0x0201, 0x0202)
_RAW_THUMBNAIL = (0x0111, 0x0117)
_SHORT = 3

_IMAGE_SIZE = (Base.ImageWidth, Base.ImageLength)
_PIXEL_DIMENSIONS = (Base.ExifImageWidth, Base.ExifImageHeight)
_RESOLUTION = (Base.XResolution, Base.YResolution)
_FOCAL_PLANE_RESOLUTION = (Base.FocalPlaneXResolution, Base.FocalPlaneYResolution)
_LONG = 4
_INLINE = 4
_HEADER = 8
"""Bytes before anything else can stand."""
_ENTRY = 12
"""Bytes of an entry of a directory."""
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


class _Entry(NamedTuple):
    position: int
    """Where its 12 bytes start."""
    value: int
    """Its value, for a single short or long."""
    size: int
    """Bytes of its data; up to four stand in the entry itself, more at the offset `value`."""


def orientation(picture: PIL.Image.Image) -> int:
    """EXIF orientation 1–8 of a loaded picture other than a TIFF; XMP's where there is no EXIF; else 1."""
    try:
        stored = picture.getexif().get(Base.Orientation, 1)
    # Pillow raises nearly anything on damaged EXIF, and such a picture still counts as upright.
    except Exception:
        return 1
    return stored if stored in range(1, 9) else 1


def read_exif(
    picture: PIL.Image.Image, size: tuple[int, int], *, turned: bool
) -> tuple[bytes | None, tuple[str, ...]]:
    """The EXIF of a loaded picture as a TIFF structure, made upright, and notes for the user.

    Args:
        picture: loaded.
        size: width and height of the upright picture.
        turned: width and height have changed places.
    """
    try:
        exif = _stored_exif(picture)
    # As above: a damaged block is no reason to refuse the picture.
    except Exception:
        return None, (DAMAGED_EXIF,)
    if not exif:
        return None, ()
    try:
        return upright_exif(exif, size, turned=turned), ()
    except (ValueError, struct.error):
        return None, (DAMAGED_EXIF,)


def upright_exif(exif: bytes, size: tuple[int, int], *, turned: bool) -> bytes:
    """Set the orientation to 1 and the size to the picture's, and take the thumbnail out.

    Every other byte stays where it is.

    Raises:
        ValueError, struct.error: where it is no readable TIFF structure.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        raise ValueError("not a TIFF structure")
    block = bytearray(exif)
    (first,) = struct.unpack_from(f"{order}I", block, 4)
    entries, link = _directory(block, order, first)
    for position in _places(block, order, first, Base.Orientation):
        struct.pack_into(f"{order}HIHH", block, position + 2, _SHORT, 1, 1, 0)
    _set_size(block, order, entries, _IMAGE_SIZE, size)
    details = _readable_directory(block, order, entries[IFD.Exif].value) if IFD.Exif in entries else {}
    _set_size(block, order, details, _PIXEL_DIMENSIONS, size)
    if turned:
        _exchange(block, order, entries, _RESOLUTION)
        _exchange(block, order, details, _FOCAL_PLANE_RESOLUTION)
    entries, _ = _directory(block, order, first)  # as they are by now
    _remove_thumbnail(block, order, entries, slice(first, link))
    return bytes(block)


def parsed_exif(exif: bytes) -> PIL.Image.Exif | None:
    """Take EXIF apart for formats that arrange it anew; None where it is too damaged for that."""
    parsed = PIL.Image.Exif()
    try:
        parsed.load(exif)
        parsed.tobytes()
    # As above.
    except Exception:
        return None
    return parsed


def exact(tags: Mapping[int, Any]) -> dict[int, Any]:
    """Prepares tags that Pillow has read to be written: it would make question marks of letters like ö."""
    return {
        tag: value.encode("latin-1", "replace") if isinstance(value, str) and not value.isascii() else value
        for tag, value in tags.items()
    }


def without_orientation(exif: bytes) -> bytes:
    """Takes the orientation out of EXIF made by `upright_exif`; every offset in it still holds."""
    order = "<" if exif.startswith(b"II") else ">"
    (first,) = struct.unpack_from(f"{order}I", exif, 4)
    block = bytearray(exif)
    for place in reversed(_places(block, order, first, Base.Orientation)):
        _, link = _directory(block, order, first)
        struct.pack_into(f"{order}H", block, first, (link - first - 2) // _ENTRY - 1)
        block[place:link] = block[place + _ENTRY : link] + bytes(_ENTRY)  # zeros: no second directory
    return bytes(block)


def _stored_exif(picture: PIL.Image.Image) -> bytes:
    if picture.format == "TIFF":
        return _exif_of_tiff(picture)
    if exif := picture.info.get("exif", b""):
        return re.sub(b"^(?:Exif\0\0)+", b"", exif)
    if text := picture.info.get("Raw profile type exif"):  # how ImageMagick stored it in PNG before eXIf
        return re.sub(b"^(?:Exif\0\0)+", b"", bytes.fromhex("".join(text.split("\n")[3:])))
    return b""


def _exif_of_tiff(picture: PIL.Image.Image) -> bytes:
    """A TIFF is itself what EXIF is modelled on; gather the describing part of it."""
    stored, exif = picture.getexif(), PIL.Image.Exif()
    for tag, value in exact({tag: stored[tag] for tag in TIFF_TAGS if tag in stored}).items():
        exif[tag] = value
    for group in (IFD.Exif, IFD.GPSInfo):
        if tags := stored.get_ifd(group):
            exif[group] = exact(tags)
    return exif.tobytes().removeprefix(b"Exif\0\0") if len(exif) else b""


def _directory(block: bytearray, order: str, start: int) -> tuple[dict[int, _Entry], int]:
    """Entries by tag of the directory at `start`, and where its link to the next one stands."""
    (count,) = struct.unpack_from(f"{order}H", block, start)
    entries = {}
    for position in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(f"{order}HHI", block, position)
        (value,) = struct.unpack_from(f"{order}{'H' if kind == _SHORT else 'I'}", block, position + 8)
        entries[tag] = _Entry(position, value, length * _TYPE_SIZES.get(kind, 0))
    return entries, start + 2 + 12 * count


def _places(block: bytearray, order: str, start: int, tag: int) -> list[int]:
    """Where the entries of a tag stand in a directory: some writers add one that is there already."""
    _, link = _directory(block, order, start)
    tags = (
        (place, struct.unpack_from(f"{order}H", block, place)[0]) for place in range(start + 2, link, _ENTRY)
    )
    return [place for place, found in tags if found == tag]


def _readable_directory(block: bytearray, order: str, start: int) -> dict[int, _Entry]:
    """Entries by tag; none where the directory does not lie within the block."""
    try:
        return _directory(block, order, start)[0]
    except struct.error:
        return {}


def _set_size(
    block: bytearray, order: str, entries: dict[int, _Entry], tags: tuple[int, int], size: tuple[int, int]
) -> None:
    for tag, length in zip(tags, size, strict=True):
        if tag in entries:
            struct.pack_into(f"{order}HII", block, entries[tag].position + 2, _LONG, 1, length)


def _exchange(block: bytearray, order: str, entries: dict[int, _Entry], tags: tuple[int, int]) -> None:
    """Let two entries change their types and values, and keep their tags; one alone gets the other tag."""
    present = [tag for tag in tags if tag in entries]
    if len(present) == 1:
        other = tags[1 - tags.index(present[0])]
        struct.pack_into(f"{order}H", block, entries[present[0]].position, other)
    elif present:
        first, second = (slice(entries[tag].position + 2, entries[tag].position + 12) for tag in tags)
        block[first], block[second] = block[second], block[first]


def _remove_thumbnail(block: bytearray, order: str, entries: dict[int, _Entry], directory: slice) -> None:
    """Cut the link to the second directory, and blank the thumbnail that it describes.

    Some writers leave the link out, or let it point anywhere: the first directory is as readable.
    """
    link = directory.stop
    data = (entry for entry in entries.values() if entry.size > _INLINE)
    if any(entry.value < link + 4 and entry.value + entry.size > link for entry in data):
        return  # there is no link
    block.extend(bytes(max(0, link + 4 - len(block))))
    (second,) = struct.unpack_from(f"{order}I", block, link)
    struct.pack_into(f"{order}I", block, link, 0)
    thumbnail = _readable_directory(block, order, second) if second else {}
    for offset, length in (_JPEG_THUMBNAIL, _RAW_THUMBNAIL):
        if offset in thumbnail and length in thumbnail:
            start, size = thumbnail[offset].value, thumbnail[length].value
            if start >= _HEADER and (start >= link + 4 or start + size <= directory.start):
                _blank(block, start, size)


def _blank(block: bytearray, start: int, length: int) -> None:
    """Cut `length` bytes off the end, or overwrite them where others follow, whose offsets must hold."""
    if start + length >= len(block):
        del block[start:]
    else:
        block[start : start + length] = bytes(length)
