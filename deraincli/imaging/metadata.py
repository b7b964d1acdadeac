"""Reads EXIF and corrects it for the restored picture.

The restored picture is upright and without rain. The orientation therefore becomes 1, and embedded
thumbnails are removed. EXIF is edited in place, because maker notes hold offsets that a rewrite would break.
The structure follows TIFF 6.0, section 2, and CIPA DC-008 (Exif 2.32), section 4.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import PIL.Image
from PIL.ExifTags import IFD, Base

from deraincli.imaging import tiff_directory, xmp
from deraincli.imaging.tiff_directory import ENTRY, TYPE_SIZES

DAMAGED_EXIF = "The EXIF block is damaged and was left out."
RAW_WITHOUT_EXIF = "The EXIF of this raw file could not be read and is left out."
FIRST_TURNED = 5
"""First of the orientations that swap width and height, 5–8."""

TIFF_TAGS = (
    *(Base.DocumentName, Base.ImageDescription, Base.Make, Base.Model, Base.PageName, Base.Software),
    *(Base.XResolution, Base.YResolution, Base.ResolutionUnit, Base.DateTime, Base.Artist),
    *(Base.HostComputer, Base.Rating, Base.RatingPercent, Base.Copyright),
    *(Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords, Base.XPSubject),
)
"""Tags of a TIFF's first directory that describe the picture, not the layout of the file."""

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
"""Size of the TIFF header in bytes."""


class _Entry(NamedTuple):
    position: int
    """Offset of its 12 bytes."""
    value: int
    """Its value, for a single short or long."""
    size: int
    """Size of its data in bytes. Up to four bytes lie in the entry itself, more at the offset `value`."""


def orientation(picture: PIL.Image.Image) -> int:
    """Returns the orientation of a picture, from EXIF or else from XMP.

    Args:
        picture: The picture. A TIFF must not be loaded yet, other formats must be loaded.

    Returns:
        The orientation, 1–8. 1 if it is missing or invalid.
    """
    try:
        stored = picture.getexif().get(Base.Orientation, 1)
    # Pillow raises almost any exception on damaged EXIF. Such a picture counts as upright.
    except Exception:
        return 1
    return stored if stored in range(1, 9) else 1


def read_exif(
    picture: PIL.Image.Image, size: tuple[int, int], *, turned: bool
) -> tuple[bytes | None, tuple[str, ...]]:
    """Reads EXIF and corrects it for the upright picture.

    Args:
        picture: The picture, already loaded.
        size: Width and height of the upright picture in pixels.
        turned: Whether turning it upright swaps width and height.

    Returns:
        EXIF as a TIFF structure, or None if it is missing or damaged, and notes for the user.
    """
    try:
        exif = _stored_exif(picture)
    # As above. The picture is restored without a damaged block.
    except Exception:
        return None, (DAMAGED_EXIF,)
    if not exif:
        return None, ()
    try:
        return upright_exif(exif, size, turned=turned), ()
    except (ValueError, struct.error):
        return None, (DAMAGED_EXIF,)


def corrected(
    exif: bytes | None, packet: bytes | None, size: tuple[int, int]
) -> tuple[bytes | None, bytes | None, tuple[str, ...]]:
    """Corrects EXIF and XMP for a picture that another library than Pillow decoded and turned upright.

    Args:
        exif: EXIF as stored, with or without its prefix.
        packet: The XMP packet as stored.
        size: Width and height of the upright picture in pixels.

    Returns:
        EXIF as a TIFF structure and XMP, both None if missing or damaged, and notes for the user.
    """
    carrier = PIL.Image.new("L", (1, 1))  # holds the metadata as Pillow reads it from a file
    carrier.info |= {name: value for name, value in (("exif", exif), ("xmp", packet)) if value}
    turned = orientation(carrier) >= FIRST_TURNED
    true_exif, notes = read_exif(carrier, size, turned=turned)
    true_packet = xmp.without_claims(xmp.upright(packet, size, turned=turned)) if packet else None
    return true_exif, true_packet, notes


def exif_of_raw(data: bytes) -> tuple[bytes | None, tuple[str, ...]]:
    """Reads the EXIF of a camera raw, which most cameras store as the tags of a TIFF.

    Args:
        data: The whole file.

    Returns:
        EXIF as a TIFF structure, or None, and notes for the user.
    """
    orders = {b"II": b"II*\0", b"MM": b"MM\0*"}
    if data[:2] not in orders:
        return None, (RAW_WITHOUT_EXIF,)
    tags = PIL.Image.Exif()
    try:
        tags.load(orders[data[:2]] + data[4:])  # some makers have a number of their own in place of 42
        exif = _descriptive(tags)
    # Pillow raises almost any exception on tags that it does not expect.
    except Exception:
        return None, (RAW_WITHOUT_EXIF,)
    return (exif, ()) if exif else (None, (RAW_WITHOUT_EXIF,))


def upright_exif(exif: bytes, size: tuple[int, int], *, turned: bool) -> bytes:
    """Sets the orientation to 1, corrects the size and removes the thumbnail.

    All other bytes keep their offsets.

    Args:
        exif: EXIF as a TIFF structure.
        size: Width and height of the upright picture in pixels.
        turned: Whether turning it upright swaps width and height. Resolutions are swapped with them.

    Returns:
        The corrected EXIF.

    Raises:
        ValueError: It is not a TIFF structure.
        struct.error: It is damaged.
    """
    order = tiff_directory.byte_order(exif)
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
    entries, _ = _directory(block, order, first)  # read again after the changes
    _remove_thumbnail(block, order, entries, slice(first, link))
    return bytes(block)


def parsed_exif(exif: bytes) -> PIL.Image.Exif | None:
    """Parses EXIF for formats that rewrite it.

    Args:
        exif: EXIF as a TIFF structure.

    Returns:
        The parsed tags, or None if it is damaged.
    """
    parsed = PIL.Image.Exif()
    try:
        parsed.load(exif)
        parsed.tobytes()
    # As above.
    except Exception:
        return None
    return parsed


def exact(tags: Mapping[int, Any]) -> dict[int, Any]:
    """Encodes strings as Latin-1, because Pillow writes letters such as ö as question marks.

    Args:
        tags: Values by tag, as read by Pillow.

    Returns:
        Values by tag for Pillow to write.
    """
    return {
        tag: value.encode("latin-1", "replace") if isinstance(value, str) and not value.isascii() else value
        for tag, value in tags.items()
    }


def without_orientation(exif: bytes) -> bytes:
    """Removes the orientation. All offsets stay valid.

    Args:
        exif: A result of `upright_exif`.

    Returns:
        EXIF without the tag.
    """
    order = "<" if exif.startswith(b"II") else ">"
    (first,) = struct.unpack_from(f"{order}I", exif, 4)
    block = bytearray(exif)
    for place in reversed(_places(block, order, first, Base.Orientation)):
        _, link = _directory(block, order, first)
        struct.pack_into(f"{order}H", block, first, (link - first - 2) // ENTRY - 1)
        block[place:link] = block[place + ENTRY : link] + bytes(ENTRY)  # zeros: no directory follows
    return bytes(block)


def _stored_exif(picture: PIL.Image.Image) -> bytes:
    if picture.format == "TIFF":
        return _descriptive(picture.getexif())
    if exif := picture.info.get("exif", b""):
        return re.sub(b"^(?:Exif\0\0)+", b"", exif)
    if text := picture.info.get("Raw profile type exif"):  # ImageMagick's form in PNG, older than eXIf
        return re.sub(b"^(?:Exif\0\0)+", b"", bytes.fromhex("".join(text.split("\n")[3:])))
    return b""


def _descriptive(stored: PIL.Image.Exif) -> bytes:
    """Collects those tags of a TIFF that describe the picture, as EXIF."""
    exif = PIL.Image.Exif()
    for tag, value in exact({tag: stored[tag] for tag in TIFF_TAGS if tag in stored}).items():
        exif[tag] = value
    for group in (IFD.Exif, IFD.GPSInfo):
        if tags := stored.get_ifd(group):
            exif[group] = exact(tags)
    return exif.tobytes().removeprefix(b"Exif\0\0") if len(exif) else b""


def _directory(block: bytearray, order: str, start: int) -> tuple[dict[int, _Entry], int]:
    """Returns the entries by tag of the directory at `start` and the offset of its link to the next one."""
    if start < _HEADER:
        raise ValueError("a directory begins in the header")
    entries = {}
    for position, tag, kind, length in tiff_directory.entries(block, order, start):
        (value,) = struct.unpack_from(f"{order}{'H' if kind == _SHORT else 'I'}", block, position + 8)
        entries[tag] = _Entry(position, value, length * TYPE_SIZES.get(kind, 0))
    return entries, tiff_directory.end(block, order, start)


def _places(block: bytearray, order: str, start: int, tag: int) -> list[int]:
    """Returns the offsets of all entries of a tag, because some writers repeat a tag."""
    return [entry.position for entry in tiff_directory.entries(block, order, start) if entry.tag == tag]


def _readable_directory(block: bytearray, order: str, start: int) -> dict[int, _Entry]:
    """Returns the entries by tag. Empty if the directory does not lie within the block."""
    try:
        return _directory(block, order, start)[0]
    except (ValueError, struct.error):
        return {}


def _set_size(
    block: bytearray, order: str, entries: dict[int, _Entry], tags: tuple[int, int], size: tuple[int, int]
) -> None:
    for tag, length in zip(tags, size, strict=True):
        if tag in entries:
            struct.pack_into(f"{order}HII", block, entries[tag].position + 2, _LONG, 1, length)


def _exchange(block: bytearray, order: str, entries: dict[int, _Entry], tags: tuple[int, int]) -> None:
    """Swaps types and values of two entries. If only one is present, it gets the other tag."""
    present = [tag for tag in tags if tag in entries]
    if len(present) == 1:
        other = tags[1 - tags.index(present[0])]
        struct.pack_into(f"{order}H", block, entries[present[0]].position, other)
    elif present:
        first, second = (slice(entries[tag].position + 2, entries[tag].position + 12) for tag in tags)
        block[first], block[second] = block[second], block[first]


def _remove_thumbnail(block: bytearray, order: str, entries: dict[int, _Entry], directory: slice) -> None:
    """Removes the link to the second directory and the thumbnail that it describes.

    Some writers omit the link, or let it point anywhere. The first directory is readable all the same.
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
    """Removes bytes at the end. Elsewhere it overwrites them with zeros, so that later offsets stay valid."""
    if start + length >= len(block):
        del block[start:]
    else:
        block[start : start + length] = bytes(length)
