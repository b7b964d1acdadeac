"""Decodes a file or bytes to a picture in memory. Errors are one sentence each."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from io import BufferedReader, BytesIO
from pathlib import Path

import PIL.Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from deraincli.errors import InputError, UnreadableImageError, missing
from deraincli.imaging import (
    arrays,
    avif,
    beside,
    bigtiff,
    colour,
    heic,
    jpeg,
    jxl,
    metadata,
    pixel_reader,
    png,
    raw,
    resolution,
    tiff_directory,
    tiff_layout,
    webp,
    xmp,
)
from deraincli.imaging.formats import FORMATS, HEAD_BYTES, available, is_video, missing_extra, recognise
from deraincli.imaging.image import Image
from deraincli.imaging.pixel_reader import check_pixels, damage_errors, decode_errors

# Pillow logs damaged metadata, which we report ourselves. Without a handler, logging would print to stderr.
# Applications can still configure Pillow's log.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_TILE_SIZE = (322, 323)


def decode(source: Path | bytes, *, max_pixels: int) -> Image:
    """Decodes a picture of one frame in any of `formats.FORMATS` and turns it upright.

    The format is recognised by the content. The name only distinguishes camera raws from TIFFs. 16-bit grey
    and colour keep their depth. Palettes become RGB. CMYK becomes sRGB, with a note. Transparent colours of
    PNGs become alpha. If a JPEG or HEIC holds further pictures, such as a preview or a gain map, only the
    main one is read.

    Args:
        source: A regular file, or the bytes of one.
        max_pixels: Larger pictures are refused before they are decoded. Pillow's own limit of twice
            `PIL.Image.MAX_IMAGE_PIXELS` also applies to TIFF and WebP.

    Returns:
        The picture with its metadata and notes.

    Raises:
        InputError: The file is missing or cannot be read.
        UnreadableImageError: The picture is damaged, truncated, too large (TooLargeError) or not of a
            supported kind.
    """
    name = "The picture" if isinstance(source, bytes) else f"'{source}'"
    data = source if isinstance(source, bytes) else _read(source)
    format = _known_format(data[:HEAD_BYTES], source)
    if format == "TIFF" and raw.is_raw(data):
        format = "RAW"
        _check_available(format, name)
    other = _OTHER_DECODERS.get(format)
    if other is not None:
        return other(data, name, max_pixels)
    with decode_errors(name, format):
        data = bigtiff.as_classic(data)
        rearrangement = tiff_layout.needed(data)
        picture = _open(rearrangement.outline() if rearrangement else data, format)
        frames = tiff_directory.pages(data) or getattr(picture, "n_frames", 1)
    check_pixels(name, picture.size, max_pixels)
    check_pixels(name, _tile_size(data), max_pixels, "has tiles of")
    if frames > 1:
        raise UnreadableImageError(
            f"{name} holds {frames} frames or pages: extract the one to restore first."
        )
    _check_whole(data, format, name)
    channels = rearrangement.samples if rearrangement else _channels(picture)
    if rearrangement:
        with decode_errors(name, format):
            data = rearrangement.interleaved()
            picture = _open(data, format)
    image = _decode(picture, data, format, name)
    if rearrangement and rearrangement.grey:
        image = replace(image, pixels=image.pixels[..., :1].copy())
    if channels > image.pixels.shape[2] + (image.alpha is not None):
        image = replace(image, notes=(*image.notes, "Channels besides colours and alpha were left out."))
    return image


def content_format(source: Path | bytes) -> str:
    """Recognises the format of a file by its first bytes.

    Args:
        source: A regular file, or the bytes of one.

    Returns:
        A key of `formats.FORMATS`.

    Raises:
        InputError: The file is missing or cannot be read.
        UnreadableImageError: The file is empty or not of a supported kind.
    """
    if isinstance(source, bytes):
        return _known_format(source[:HEAD_BYTES], source)
    with open_regular(source) as file:
        return _known_format(file.read(HEAD_BYTES), source)


def _known_format(head: bytes, source: Path | bytes) -> str:
    """Returns the format of a source that starts with `head`, or raises UnreadableImageError."""
    name, suffix = ("The input", "") if isinstance(source, bytes) else (f"'{source}'", source.suffix)
    if not head:
        raise UnreadableImageError(f"{name} is empty: take another copy of the picture.")
    format = recognise(head, suffix)
    if format is not None and FORMATS[format].extra:
        _check_available(format, name)
    if format is not None and available(format):
        return format
    if is_video(head, suffix):
        raise UnreadableImageError(f"{name} is a video: restore it by `derain video`.")
    known = "JPEG, PNG, WebP, TIFF, BMP" + (", AVIF" if available("AVIF") else "")
    raise UnreadableImageError(
        f"{name} is not a picture that derain reads ({known}, JPEG XL, HEIC, camera raws): convert it first."
    )


def _check_available(format: str, name: str) -> None:
    """Raises UnreadableImageError if the extra for a format is not installed."""
    if not available(format):
        raise UnreadableImageError(f"{name} cannot be read yet: {missing_extra(format)}")


@contextmanager
def open_regular(path: Path) -> Iterator[BufferedReader]:
    """Opens a regular file for reading.

    Args:
        path: The file.

    Yields:
        The open file.

    Raises:
        InputError: The file is missing, cannot be read, or is a folder, a pipe or a device.
    """
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise InputError(f"'{path}' is a folder: name one of its pictures.")
        if not stat.S_ISREG(kind):
            raise InputError(f"'{path}' is not a regular file: copy its content to one.")
        with path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise missing(path) from error
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}.") from error


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a regular file in hexadecimal digits.

    Args:
        path: The file.

    Raises:
        InputError: As `open_regular`.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> bytes:
    with open_regular(path) as file:
        head = file.read(HEAD_BYTES)
        # Only pictures are read to the end, because other files may be huge.
        return head + file.read() if recognise(head, path.suffix) else head


def _open(data: bytes, format: str) -> ImageFile:
    """Parses the header. Calls Pillow's classes directly, because `PIL.Image.open` adds its own limit."""
    readers: dict[str, Callable[[BytesIO], ImageFile]] = {
        "JPEG": JpegImageFile,
        "PNG": PngImageFile,
        "WEBP": WebPImageFile,
        "TIFF": TiffImageFile,
        "BMP": BmpImageFile,
    }
    if format == "AVIF":
        from PIL.AvifImagePlugin import AvifImageFile

        readers["AVIF"] = AvifImageFile
    if format == "TIFF":
        _silence_libtiff()
    return readers[format](BytesIO(data))


@cache
def _silence_libtiff() -> None:
    """Stops Pillow's libtiff from printing to stderr. Its errors also arrive as exceptions."""
    library = ctypes.CDLL(PIL.Image.core.__file__)  # type: ignore[attr-defined]
    for setter in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
        if hasattr(library, setter):  # missing if libtiff is linked statically with hidden symbols
            getattr(library, setter)(None)


def _tile_size(data: bytes) -> tuple[int, int]:
    """Returns width and height of a TIFF's tiles, which may exceed the picture. 0 if there are no tiles.

    These are what libtiff reads. In a damaged directory, Pillow may not see them.
    """
    try:
        directory = tiff_directory.first_directory(data)
        width, height = (directory.first(tag, 0) for tag in _TILE_SIZE) if directory else (0, 0)
    except struct.error:
        return 0, 0  # libtiff does not read such a file
    return width, height


def _channels(picture: ImageFile) -> int:
    """Returns how many channels a TIFF stores. 0 for other formats and for CMYK, which is converted."""
    if not isinstance(picture, TiffImageFile) or picture.mode == "CMYK":
        return 0
    channels = picture.tag_v2.get(Base.SamplesPerPixel, 0)
    return channels if isinstance(channels, int) else 0


def _check_whole(data: bytes, format: str, name: str) -> None:
    """Refuses damaged files that decoders accept, because they fill missing parts and skip checksums."""
    with damage_errors(name):
        if format == "PNG":
            png.check(data)
            if not png.is_deep(data):  # the lines of others are checked as they are read
                png.check_lines(data)
        elif format == "JPEG":
            jpeg.check(data)
        elif format == "WEBP" and len(data) < webp.end(data):
            raise ValueError("it ends before the length in its header")


def _decode(picture: ImageFile, data: bytes, format: str, name: str) -> Image:
    stored = metadata.orientation(picture) if format == "TIFF" else 1  # loading turns a TIFF and loses this
    size = picture.size
    with decode_errors(name, format):
        if format == "PNG" and png.is_deep(data):  # Pillow reads its metadata, OpenCV its samples
            picture = _open(png.outline(data), format)
        picture.load()
    orientation = 1 if format == "TIFF" else metadata.orientation(picture)
    turned = max(stored, orientation) >= metadata.FIRST_TURNED
    size = size[::-1] if orientation >= metadata.FIRST_TURNED else size
    exif, damaged = metadata.read_exif(picture, size, turned=turned)
    packet = _read_xmp(picture)
    true_packet = xmp.without_claims(xmp.upright(packet, size, turned=turned)) if packet else None
    left_out = (*damaged, *beside.notes(picture, data, format, claimed=xmp.claims_more(packet)))
    density = resolution.read(picture)
    icc, notes = picture.info.get("icc_profile") or None, tuple[str, ...]()
    if picture.mode == "CMYK":
        converted, note = _cmyk_to_srgb(picture, icc)
        icc, notes = None, (note,)
        colours, alpha = arrays.from_pillow(converted)
    else:
        colours, alpha = pixel_reader.read(picture, data, name)
    if format == "AVIF" and avif.is_deeper_than_8_bit(data):
        notes = (*notes, "More than 8 bits per channel of an AVIF are rounded to 8.")
    picture.close()
    return Image(
        arrays.upright(colours, orientation),
        format,
        None if alpha is None else arrays.upright(alpha, orientation),
        icc,
        exif,
        true_packet,
        notes,
        png_chunks=_colour_chunks(data, format, icc, turned=turned),
        left_out=left_out,
        resolution=density[::-1] if density and turned else density,
        lossless_webp=format == "WEBP" and webp.is_lossless(data),
    )


def _read_xmp(picture: ImageFile) -> bytes | None:
    packet = picture.info.get("xmp")
    return packet if isinstance(packet, bytes) and packet else None


def _colour_chunks(
    data: bytes, format: str, icc: bytes | None, *, turned: bool
) -> tuple[tuple[bytes, bytes], ...]:
    if format == "PNG":
        return png.kept_chunks(data, turned=turned)
    return avif.colour_chunks(data) if format == "AVIF" and not icc else ()


def _cmyk_to_srgb(picture: PIL.Image.Image, icc: bytes | None) -> tuple[PIL.Image.Image, str]:
    if icc and (converted := colour.to_srgb(picture, icc)):
        return converted, "CMYK was converted to 8-bit sRGB by its colour profile."
    note = "CMYK was converted to 8-bit sRGB without a colour profile: compare the colours."
    return picture.convert("RGB"), note


def _decode_jxl(data: bytes, name: str, max_pixels: int) -> Image:
    decoded = jxl.decode(data, name, max_pixels)
    if isinstance(decoded, Image):
        return decoded
    return replace(decode(decoded, max_pixels=max_pixels), format="JXL")


_OTHER_DECODERS: dict[str, Callable[[bytes, str, int], Image]] = {
    "HEIC": heic.decode,
    "JXL": _decode_jxl,
    "RAW": raw.decode,
}
"""Formats that other libraries decode. Each function takes the file, its name in errors and `max_pixels`."""
