"""Writes TIFFs of any depth, with alpha, EXIF, XMP and ICC profile, compressed by deflate in strips.

Pillow cannot write 16-bit colour, and OpenCV cannot write metadata. This module therefore writes the strips
itself and leaves the directory to Pillow. It follows TIFF 6.0, with predictor 2 from section 14 and deflate
from Adobe's supplement 2.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
from PIL.ExifTags import IFD, Base
from PIL.Image import Exif
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from deraincli.geometry import row_bands
from deraincli.imaging import colour, metadata
from deraincli.imaging.image import Image

_PREDICTOR, _EXTRA_SAMPLES, _XMP, _ICC = 317, 338, 700, 34675
_DEFLATE, _HORIZONTAL_DIFFERENCES, _STRAIGHT_ALPHA = 8, 2, 2
_BLACK_IS_ZERO, _RGB = 1, 2
_INCH = 2


def encode(image: Image) -> bytes:
    """Encodes a picture with all its metadata.

    16-bit grey with alpha is stored as RGB, because neither Pillow nor OpenCV reads it. With a grey ICC
    profile it stays grey. EXIF that `metadata.parsed_exif` cannot parse is omitted.

    Args:
        image: 8- or 16-bit grey or RGB, with or without alpha.

    Returns:
        The content of the file.
    """
    grey_profile = image.icc is not None and image.icc[16:20] == b"GRAY"
    if image.pixels.dtype == np.uint16 and image.alpha is not None and not grey_profile:
        image = replace(image, pixels=colour.as_rgb(image.pixels))
    strips = list(_strips(image))
    directory = _directory(image, [len(strip) for strip in strips])
    file = BytesIO()
    directory.save(file)
    file.writelines(strips)
    return file.getvalue()


def _strips(image: Image) -> Iterator[bytes]:
    for rows in row_bands(*image.pixels.shape[:2]):
        band = image.pixels[rows]
        if image.alpha is not None:
            band = np.dstack((band, image.alpha[rows]))
        differences = band.astype(band.dtype.newbyteorder("<"))
        differences[:, 1:] -= band[:, :-1]
        yield zlib.compress(differences.data)


def _directory(image: Image, lengths: list[int]) -> ImageFileDirectory_v2:
    height, width, colours = image.pixels.shape
    samples = colours if image.alpha is None else colours + 1
    ends = np.cumsum(lengths, dtype=np.uint64).tolist()
    directory = ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    if image.exif and (parsed := metadata.parsed_exif(image.exif)):
        _describe(directory, parsed)
    if image.resolution and Base.XResolution not in directory:
        directory[Base.XResolution], directory[Base.YResolution] = image.resolution
        directory[Base.ResolutionUnit] = _INCH
    directory[Base.ImageWidth] = width
    directory[Base.ImageLength] = height
    directory[Base.BitsPerSample] = (8 * image.pixels.itemsize,) * samples
    directory[Base.Compression] = _DEFLATE
    directory[Base.PhotometricInterpretation] = _BLACK_IS_ZERO if colours == 1 else _RGB
    directory[Base.StripOffsets] = (0, *ends[:-1])  # counted from the end of the directory
    directory[Base.Orientation] = 1
    directory[Base.SamplesPerPixel] = samples
    directory[Base.RowsPerStrip] = next(row_bands(height, width)).stop
    directory[Base.StripByteCounts] = tuple(lengths)
    directory[Base.PlanarConfiguration] = 1
    directory[_PREDICTOR] = _HORIZONTAL_DIFFERENCES
    if image.alpha is not None:
        directory[_EXTRA_SAMPLES] = _STRAIGHT_ALPHA
    if image.xmp:
        directory[_XMP] = image.xmp
    if image.icc:
        directory[_ICC] = image.icc
    return directory


def _describe(directory: ImageFileDirectory_v2, exif: Exif) -> None:
    described: dict[int, Any] = {tag: exif[tag] for tag in metadata.TIFF_TAGS if tag in exif}
    for tag, value in metadata.exact(described).items():
        directory[tag] = value
    for group in (IFD.Exif, IFD.GPSInfo):
        if tags := exif.get_ifd(group):
            directory[group] = metadata.exact(tags)
