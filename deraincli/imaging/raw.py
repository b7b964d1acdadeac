"""Develops DNGs and camera raws with rawpy, which the extra `raw` installs."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np

from deraincli.imaging import metadata
from deraincli.imaging.image import Image
from deraincli.imaging.pixel_reader import check_pixels, decode_errors
from deraincli.imaging.tiff_directory import Directory, directory, first_directory

_PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 262, 330, 50706
_OF_SENSORS = (32803, 34892)
"""Photometric interpretations of samples behind colour filters and of linear raw colours."""
_PLACES = ((273, 279), (324, 325))
"""Tags of the offsets and of the lengths of strips and tiles."""
_MOST_BELOW = 16
"""Largest number of directories below the first that are read. Cameras write fewer than ten."""
_SRGB_CURVE = (2.4, 12.92)
_CLIPPED = 0.001
"""Share of the pixels that may become white when the picture is brightened."""


def is_raw(data: bytes) -> bool:
    """Returns whether a file that begins like a TIFF is a DNG or another raw, whatever its name.

    The first picture of a raw is often a preview.

    Args:
        data: The whole file.
    """
    try:
        return any(
            _DNG_VERSION in tags.entries or tags.first(_PHOTOMETRIC) in _OF_SENSORS
            for tags in _directories(data)
        )
    except struct.error:
        return False


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
    exif, left_out = metadata.exif_of_raw(data)
    pixels = np.ascontiguousarray(pixels)
    if exif is not None:
        exif, _, left_out = metadata.corrected(exif, None, pixels.shape[1::-1])
    return Image(pixels, "RAW", exif=exif, left_out=left_out)


def _check_whole(data: bytes) -> None:
    """Raises ValueError or struct.error if a file that is built like a TIFF is cut off.

    LibRaw makes missing samples black.
    """
    for tags in _directories(data):
        for offsets, lengths in _PLACES:
            ends = map(sum, zip(tags.values(offsets), tags.values(lengths), strict=False))
            if max(ends, default=0) > len(data):
                raise ValueError("its samples are cut off")


def _directories(data: bytes) -> list[Directory]:
    """Returns the first directory of a classic TIFF and those below it. Empty for other files.

    Raises:
        struct.error: A directory is damaged.
    """
    first = first_directory(data)
    if first is None:
        return []
    below = list(dict.fromkeys(first.values(_SUB_DIRECTORIES)))[:_MOST_BELOW]
    return [first, *(directory(data, first.order, start) for start in below)]
