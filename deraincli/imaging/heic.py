"""Reads HEIC and HEIF with pi-heif, which the extra `heif` installs."""

from __future__ import annotations

import re

import numpy as np

from deraincli.geometry import row_bands
from deraincli.imaging import arrays, avif, beside, colour, metadata, xmp
from deraincli.imaging.image import Image
from deraincli.imaging.iso_boxes import boxes
from deraincli.imaging.pixel_reader import check_pixels, decode_errors
from deraincli.pixels import Pixels

_BEFORE_KIND, _BEFORE_KIND_IN_VERSION_3 = 8, 10
"""Bytes of an item's entry between the kind of the box and that of the item, which its names follow."""


def decode(data: bytes, name: str, max_pixels: int) -> Image:
    """Decodes the main picture of a file.

    The library turns it upright. 10 and 12 bits become 16 bits over the full range.

    Args:
        data: The whole file.
        name: Name of the picture in error messages.
        max_pixels: Larger pictures are refused.

    Raises:
        UnreadableImageError: The picture is damaged or too large (TooLargeError).
    """
    import pi_heif

    with decode_errors(name, "HEIC"):
        _check_names(data)
        file = pi_heif.open_heif(data, convert_hdr_to_8bit=False)
        picture = file[file.primary_index]
    check_pixels(name, picture.size, max_pixels)
    with decode_errors(name, "HEIC"):
        samples = np.array(picture)
    info = picture.info
    if samples.dtype == np.uint16:
        _stretch(samples, info["bit_depth"])
    colours, alpha = arrays.split(samples[..., None] if samples.ndim == 2 else samples)
    if alpha is not None and picture.premultiplied_alpha:
        colours, alpha = _straight(colours, alpha)
    icc, packet = info.get("icc_profile"), info.get("xmp")
    exif, true_packet, left_out = metadata.corrected(info["exif"], packet, colours.shape[1::-1])
    if len(file) > 1 or info["depth_images"] or info.get("aux") or xmp.claims_more(packet):
        left_out = (*left_out, beside.BEHIND)
    chunks = () if icc else avif.colour_chunks(data)
    return Image(colours, "HEIC", alpha, icc, exif, true_packet, left_out=left_out, png_chunks=chunks)


def _check_names(data: bytes) -> None:
    """Raises ValueError if a kind or name of an item is not valid Unicode, on which the library would crash.

    The boxes follow ISO/IEC 14496-12, section 8.11.6.
    """
    listed = next((data[box.body : box.end] for box in boxes(data) if box.kind == b"meta"), b"")
    for entry in re.finditer(b"infe", listed):
        length = int.from_bytes(listed[entry.start() - 4 : entry.start()], "big")
        before = _BEFORE_KIND_IN_VERSION_3 if listed[entry.end()] == 3 else _BEFORE_KIND
        listed[entry.end() + before : entry.start() - 4 + length].decode("utf-8")


def _stretch(samples: Pixels, bits: int) -> None:
    """Stretches samples, whose upper `bits` are used, to all of 16 bits in place."""
    top = 2**bits - 1
    for rows in row_bands(*samples.shape[:2]):
        values = (samples[rows] >> (16 - bits)).astype(np.uint32)
        samples[rows] = (values * 65535 + top // 2) // top


def _straight(colours: Pixels, alpha: Pixels) -> tuple[Pixels, Pixels]:
    """Returns premultiplied colours as straight ones."""
    if colours.dtype == np.uint16:
        colour.unpremultiply(colours, alpha)
        return colours, alpha
    deep = colours.astype(np.uint16) * 257
    colour.unpremultiply(deep, alpha.astype(np.uint16) * 257)
    return colour.to_8_bit(deep), alpha
