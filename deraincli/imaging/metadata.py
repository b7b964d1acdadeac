"""EXIF and XMP: out of a file, and made true for the picture that is written.

The restored picture is upright and without rain, so the orientation becomes 1 and embedded thumbnails
(upside down, rainy) go. EXIF is edited in place, byte for byte, because maker notes hold offsets that
do not survive a rewriting. Structure: TIFF 6.0, section 2; CIPA DC-008 (Exif 2.32), section 4.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

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

_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[0-9]")
_XMP_THUMBNAILS = re.compile(rb"<xmp:Thumbnails>.*?</xmp:Thumbnails>", re.DOTALL)


class _Entry(NamedTuple):
    position: int
    """Where its 12 bytes start."""
    value: int
    """Its value, for a single short or long."""


def orientation(picture: PIL.Image.Image) -> int:
    """EXIF orientation 1–8 of a loaded picture other than a TIFF; XMP's where there is no EXIF; else 1."""
    try:
        stored = picture.getexif().get(Base.Orientation, 1)
    # Pillow raises nearly anything on damaged EXIF, and such a picture still counts as upright.
    except Exception:
        return 1
    return stored if stored in range(1, 9) else 1


def read_exif(picture: PIL.Image.Image) -> tuple[bytes | None, tuple[str, ...]]:
    """The EXIF of a loaded picture as a TIFF structure, made upright, and notes for the user."""
    try:
        exif = _stored_exif(picture)
    # As above: a damaged block is no reason to refuse the picture.
    except Exception:
        return None, (DAMAGED_EXIF,)
    if not exif:
        return None, ()
    try:
        return upright_exif(exif), ()
    except (ValueError, struct.error):
        return None, (DAMAGED_EXIF,)


def read_xmp(picture: PIL.Image.Image) -> bytes | None:
    """The XMP packet of a loaded picture, made upright."""
    xmp = picture.info.get("xmp")
    return upright_xmp(xmp) if isinstance(xmp, bytes) and xmp else None


def upright_exif(exif: bytes) -> bytes:
    """Set the orientation to 1 and take the thumbnail out; every other byte stays where it is.

    Raises:
        ValueError, struct.error: where it is no readable TIFF structure.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        raise ValueError("not a TIFF structure")
    block = bytearray(exif)
    (first,) = struct.unpack_from(f"{order}I", block, 4)
    entries, link = _directory(block, order, first)
    if Base.Orientation in entries:
        struct.pack_into(f"{order}HIHH", block, entries[Base.Orientation].position + 2, _SHORT, 1, 1, 0)
    (second,) = struct.unpack_from(f"{order}I", block, link)
    if second:
        struct.pack_into(f"{order}I", block, link, 0)
        thumbnail, _ = _directory(block, order, second)
        for offset, length in (_JPEG_THUMBNAIL, _RAW_THUMBNAIL):
            if offset in thumbnail and length in thumbnail:
                _blank(block, thumbnail[offset].value, thumbnail[length].value)
    return bytes(block)


def upright_xmp(xmp: bytes) -> bytes:
    """Set the orientation to 1 and take thumbnails out; every other byte stays."""
    return _XMP_THUMBNAILS.sub(b"", _XMP_ORIENTATION.sub(rb"\g<1>1", xmp))


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
    for tag in TIFF_TAGS:
        if tag in stored:
            exif[tag] = stored[tag]
    for group in (IFD.Exif, IFD.GPSInfo):
        if tags := stored.get_ifd(group):
            exif[group] = tags
    return exif.tobytes().removeprefix(b"Exif\0\0") if len(exif) else b""


def _directory(block: bytearray, order: str, start: int) -> tuple[dict[int, _Entry], int]:
    """Entries by tag of the directory at `start`, and where its link to the next one stands."""
    (count,) = struct.unpack_from(f"{order}H", block, start)
    entries = {}
    for position in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f"{order}HH", block, position)
        (value,) = struct.unpack_from(f"{order}{'H' if kind == _SHORT else 'I'}", block, position + 8)
        entries[tag] = _Entry(position, value)
    return entries, start + 2 + 12 * count


def _blank(block: bytearray, start: int, length: int) -> None:
    """Cut `length` bytes off the end, or overwrite them where others follow, whose offsets must hold."""
    if start + length >= len(block):
        del block[start:]
    else:
        block[start : start + length] = bytes(length)
