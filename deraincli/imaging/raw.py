"""Develops DNGs and camera raws with rawpy, which the extra `raw` installs."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np

from deraincli.imaging import metadata
from deraincli.imaging.image import Image
from deraincli.imaging.pixel_reader import check_pixels, decode_errors

_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I"}
_PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 262, 330, 50706
_OF_SENSORS = ((32803,), (34892,))
"""Photometric interpretations of samples behind colour filters and of linear raw colours."""
_PLACES = ((273, 279), (324, 325))
"""Tags of the offsets and of the lengths of strips and tiles."""
_SRGB_CURVE = (2.4, 12.92)
_CLIPPED = 0.001
"""Share of the pixels that may become white when the picture is brightened."""


def is_raw(data: bytes) -> bool:
    """Returns whether a file that begins like a TIFF is a DNG or another raw, whatever its name.

    The first picture of a raw is often a preview.

    Args:
        data: The whole file.
    """
    order = _ORDERS.get(data[:4])
    try:
        directories = [] if order is None else _directories(data, order)
    except struct.error:
        return False
    return any(_DNG_VERSION in tags or tags.get(_PHOTOMETRIC) in _OF_SENSORS for tags in directories)


def decode(data: bytes, name: str, max_pixels: int) -> Image:
    """Develops a raw by the white balance of the camera to sRGB of 16 bits.

    The library turns the picture upright, and brightens it until a thousandth of the pixels is white.

    Args:
        data: The whole file.
        name: Name of the picture in error messages.
        max_pixels: Larger pictures are refused before they are developed.

    Raises:
        UnreadableImageError: The file is damaged, of an unknown camera, or too large (TooLargeError).
    """
    import rawpy

    with decode_errors(name, "RAW"):
        _check_whole(data)
        opened = rawpy.imread(BytesIO(data))
    with opened as raw:
        check_pixels(name, (raw.sizes.width, raw.sizes.height), max_pixels)
        with decode_errors(name, "RAW"):
            pixels = raw.postprocess(
                use_camera_wb=True,
                output_bps=16,
                gamma=_SRGB_CURVE,
                auto_bright_thr=_CLIPPED,
                output_color=rawpy.ColorSpace.sRGB,
            )
    exif, notes = metadata.exif_of_raw(data)
    pixels = np.ascontiguousarray(pixels)
    if exif is not None:
        exif, _, notes = metadata.corrected(exif, None, pixels.shape[1::-1])
    return Image(pixels, "RAW", exif=exif, notes=notes)


def _check_whole(data: bytes) -> None:
    """Raises ValueError or struct.error if a file that is built like a TIFF is cut off.

    LibRaw makes missing samples black.
    """
    order = _ORDERS.get(data[:4])
    if order is None:
        return
    for tags in _directories(data, order):
        for offsets, lengths in _PLACES:
            ends = map(sum, zip(tags.get(offsets, ()), tags.get(lengths, ()), strict=False))
            if max(ends, default=0) > len(data):
                raise ValueError("its samples are cut off")


def _directories(data: bytes, order: str) -> list[dict[int, tuple[int, ...]]]:
    """Returns the first directory of a TIFF and those below it. Raises struct.error for damaged ones."""
    first = _directory(data, order, struct.unpack_from(f"{order}I", data, 4)[0])
    return [first, *(_directory(data, order, start) for start in first.get(_SUB_DIRECTORIES, ()))]


def _directory(data: bytes, order: str, start: int) -> dict[int, tuple[int, ...]]:
    """Returns the whole numbers of a TIFF's directory by tag. Raises struct.error for a damaged one."""
    tags = {}
    (count,) = struct.unpack_from(f"{order}H", data, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length, value = struct.unpack_from(f"{order}HHII", data, place)
        if kind in _NUMBERS:
            layout = f"{order}{length}{_NUMBERS[kind]}"
            inside = struct.calcsize(layout) <= 4
            tags[tag] = struct.unpack_from(layout, data, place + 8 if inside else value)
    return tags
