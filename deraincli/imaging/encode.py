"""Encodes a picture in memory to the bytes of a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
from PIL.ExifTags import Base

from deraincli.errors import OutputError, UsageError
from deraincli.imaging import arrays, avif, colour, jxl, metadata, png, resolution, tiff
from deraincli.imaging.formats import FORMATS
from deraincli.imaging.image import Image

_JPEG_BLOCK = 65_533  # largest body that a marker's 16-bit length allows
_EXIF_PREFIX = b"Exif\0\0"
_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
_TIFF_BYTES = 2**32 - 2**24  # the reach of 32-bit offsets, less room for metadata

_SRGB_GAMMA = 45_455  # 100,000 / 2.2, the unit of gAMA chunks

_BMP_RESOLUTION = 5e7
"""Largest resolution in pixels per inch. BMP stores pixels per metre in 31 bits."""

_WEBP_QUALITY = 95
_JPEG_QUALITY = 95
_AVIF_QUALITY = 90
_LOSSLESS = 100


def encode(image: Image, format: str, *, quality: int | None = None, keep_metadata: bool = True) -> bytes:
    """Encodes a picture.

    PNG, TIFF and BMP are lossless. JPEG and AVIF are written without chroma subsampling (4:4:4). Alpha is
    exact in every format, except in an AVIF with a quality below 100.

    Args:
        image: The picture. `fit_to_format` first reduces it to what the format can hold.
        format: A key of `FORMATS`.
        quality: 1–100 for JPEG (default 95), WebP (95, or 100 for pictures of lossless WebPs), JPEG XL (95)
            and AVIF (90, or 100 with alpha). 100 makes WebP and JPEG XL lossless. Other formats ignore it.
        keep_metadata: Whether EXIF and XMP are written. The ICC profile always is, because the colours
            depend on it.

    Returns:
        The content of the file.

    Raises:
        UsageError: The quality is out of range.
        OutputError: The format cannot hold the picture.
    """
    if quality is not None and not 1 <= quality <= 100:
        raise UsageError(f"Quality {quality} is not between 1 and 100.")
    return _ENCODERS[format](fit_to_format(image, format, keep_metadata=keep_metadata), quality)


def fit_to_format(image: Image, format: str, *, keep_metadata: bool = True) -> Image:
    """Reduces a picture to what a format can hold and adds a note for every loss.

    If the format cannot hold them, 16 bits are rounded to 8, alpha that is opaque everywhere is dropped,
    colours are converted to sRGB, and EXIF and XMP are left out. A second call changes nothing.

    Args:
        image: The picture.
        format: A key of `FORMATS`.
        keep_metadata: Whether EXIF and XMP are kept.

    Returns:
        The reduced picture.

    Raises:
        OutputError: The sides are too long for the format, or it cannot hold the transparency.
    """
    limits = FORMATS[format]
    _check_size(image, format)
    if not keep_metadata:
        image = replace(image, exif=None, xmp=None)
    if image.alpha is not None and not limits.alpha:
        if image.alpha.min() < np.iinfo(image.alpha.dtype).max:
            raise OutputError(f"{format} cannot hold the picture's transparency: save as .png or .webp.")
        image = replace(image, alpha=None)
    if image.pixels.dtype == np.uint16 and not limits.deep:
        image = _noted(
            image,
            f"16 bits per channel were rounded to the 8 that are written to {format}.",
            pixels=colour.to_8_bit(image.pixels),
            alpha=None if image.alpha is None else colour.to_8_bit(image.alpha),
        )
    if image.icc and not (limits.icc and (limits.grey or image.icc[16:20] != b"GRAY")):
        image = _as_srgb(image, format)
    if image.png_chunks and format != "PNG" and not _stated_by_avif(image, format):
        image = _without_png_chunks(image, format)
    return _with_metadata_that_fits(image, format)


def _check_size(image: Image, format: str) -> None:
    height, width = image.pixels.shape[:2]
    limit = FORMATS[format].max_side
    if max(height, width) > limit:
        raise OutputError(
            f"{format} holds at most {limit} pixels along a side: save {width} × {height} as .png."
        )
    stored = image.pixels.nbytes + (0 if image.alpha is None else image.alpha.nbytes)
    if format == "TIFF" and stored > _TIFF_BYTES:
        raise OutputError(f"TIFF holds at most 4 GB: save {width} × {height} as .png.")


def _as_srgb(image: Image, format: str) -> Image:
    assert image.icc is not None
    converted = colour.to_srgb(arrays.to_pillow(image.pixels, None), image.icc)
    if converted is None:
        return _noted(image, f"The colour profile is unusable and {format} has no place for it.", icc=None)
    if image.pixels.shape[2] == 1:
        converted = converted.convert("L")
    shallow, _ = arrays.from_pillow(converted)
    return _noted(
        image,
        f"Colours were converted to sRGB, as {format} cannot hold their profile.",
        pixels=shallow,
        icc=None,
    )


def _stated_by_avif(image: Image, format: str) -> bool:
    """Returns whether AVIF's own code points can state the same colour space."""
    stated = [(kind, len(body)) for kind, body in image.png_chunks]
    return format == "AVIF" and image.icc is None and stated == [(b"cICP", 4)]


def _without_png_chunks(image: Image, format: str) -> Image:
    chunks = dict(image.png_chunks)
    gamma = int.from_bytes(chunks.get(b"gAMA", b""), "big") or _SRGB_GAMMA
    image = replace(image, png_chunks=())
    if b"cICP" in chunks or (abs(gamma - _SRGB_GAMMA) > 1000 and b"sRGB" not in chunks and not image.icc):
        own = f"The {image.format}'s own gamma or colour space"
        note = f"{own} has no place in {format}: compare the colours."
        return _noted(image, note)
    return image


def _with_metadata_that_fits(image: Image, format: str) -> Image:
    if not FORMATS[format].metadata and (image.exif or image.xmp):
        return _noted(image, f"{format} holds no EXIF or XMP: they are left out.", exif=None, xmp=None)
    if image.resolution and not FORMATS[format].resolution:
        image = _without_resolution(image, format)
    # Both need parsed EXIF. TIFF stores it among its own tags, and AVIF without its orientation.
    if format in ("TIFF", "AVIF") and image.exif and metadata.parsed_exif(image.exif) is None:
        image = _noted(image, metadata.DAMAGED_EXIF, exif=None)
    if format == "JPEG" and image.exif and len(image.exif) + len(_EXIF_PREFIX) > _JPEG_BLOCK:
        image = _noted(image, "The EXIF block exceeds the 64 KB of a JPEG and is left out.", exif=None)
    if format == "JPEG" and image.xmp and len(image.xmp) + len(_XMP_PREFIX) > _JPEG_BLOCK:
        image = _noted(image, "The XMP packet exceeds the 64 KB of a JPEG and is left out.", xmp=None)
    return image


def _without_resolution(image: Image, format: str) -> Image:
    """Removes the resolution. Adds a note unless EXIF states it or it is a mere default."""
    assert image.resolution is not None
    parsed = metadata.parsed_exif(image.exif) if image.exif else None
    if resolution.is_a_screens(image.resolution) or (parsed is not None and Base.XResolution in parsed):
        return replace(image, resolution=None)
    note = f"{format} has no place for the print resolution outside EXIF: it is left out."
    return _noted(image, note, resolution=None)


def _noted(image: Image, note: str, **changes: Any) -> Image:
    return replace(image, notes=(*image.notes, note), **changes)


def _saved(image: Image, format: str, **options: Any) -> bytes:
    """Encodes with Pillow. Omits options that are None, because not every format accepts None."""
    file = BytesIO()
    given = {name: value for name, value in options.items() if value is not None}
    arrays.to_pillow(image.pixels, image.alpha).save(file, format, **given)
    return file.getvalue()


def _jpeg(image: Image, quality: int | None) -> bytes:
    exif = _EXIF_PREFIX + image.exif if image.exif else None
    quality = quality or _JPEG_QUALITY
    return _saved(
        image,
        "JPEG",
        quality=quality,
        subsampling=0,
        icc_profile=image.icc,
        exif=exif,
        xmp=image.xmp,
        dpi=resolution.whole(image.resolution),
    )


def _webp(image: Image, quality: int | None) -> bytes:
    quality = quality or (_LOSSLESS if image.lossless_webp else _WEBP_QUALITY)
    return _saved(
        image,
        "WEBP",
        quality=quality,
        lossless=quality == _LOSSLESS,
        exact=True,  # keeps the colours under alpha 0
        icc_profile=image.icc,
        exif=image.exif,
        xmp=image.xmp,
    )


def _avif(image: Image, quality: int | None) -> bytes:
    # Pillow's encoder uses one quality for colours and alpha.
    quality = quality or (_AVIF_QUALITY if image.alpha is None else _LOSSLESS)
    encoded = _saved(
        image,
        "AVIF",
        quality=quality,
        subsampling="4:4:4",
        icc_profile=image.icc,
        # If the orientation stayed, Pillow would remove it and rewrite the whole block.
        exif=metadata.without_orientation(image.exif) if image.exif else None,
        xmp=image.xmp,
    )
    return avif.with_colours(encoded, dict(image.png_chunks)[b"cICP"]) if image.png_chunks else encoded


def _bmp(image: Image, quality: int | None) -> bytes:
    dpi = image.resolution and tuple(min(value, _BMP_RESOLUTION) for value in image.resolution)
    return _saved(image, "BMP", dpi=dpi)


_ENCODERS: dict[str, Callable[[Image, int | None], bytes]] = {
    "JPEG": _jpeg,
    "PNG": lambda image, quality: png.encode(image),
    "WEBP": _webp,
    "TIFF": lambda image, quality: tiff.encode(image),
    "BMP": _bmp,
    "AVIF": _avif,
    "JXL": jxl.encode,
}
