"""Reads the samples of an opened picture at full depth, with Pillow or OpenCV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from deraincli.errors import TooLargeError, UnreadableImageError
from deraincli.imaging import arrays, colour, png
from deraincli.pixels import Pixels

_EXTRA_SAMPLES, _PREMULTIPLIED = 338, 1
_WHITE_IS_ZERO = 0
_SAMPLE_FORMAT, _SIGNED = 339, 2
_MODES = {"I": "32-bit or signed integers", "F": "floating-point numbers", "LAB": "CIELAB"}


def read(picture: ImageFile, data: bytes, name: str) -> tuple[Pixels, Pixels | None]:
    """Reads the pixels of a picture of any mode except CMYK.

    Args:
        picture: The picture, already loaded from `data`. Loading detects damage of TIFFs that OpenCV silently
            fills. Of a 16-bit PNG only the `png.outline`.
        data: The whole file.
        name: Name of the picture in error messages.

    Returns:
        Pixels H×W×1 or H×W×3, and alpha H×W or None, uint8 or uint16. TIFFs are upright, others as stored.

    Raises:
        UnreadableImageError: The samples are not 8 or 16 bits of grey, palette or RGB.
    """
    if isinstance(picture, PngImageFile):
        return _read_png(picture, data, name)
    if isinstance(picture, TiffImageFile):
        return _read_tiff(picture, data, name)
    return _read_by_pillow(picture, name)


def check_pixels(name: str, size: tuple[int, int], max_pixels: int, what: str = "has") -> None:
    """Refuses a picture that is too large.

    Args:
        name: Name of the picture in the error message.
        size: Width and height in pixels.
        max_pixels: Largest number of pixels that is read.
        what: What the size belongs to, as a verb of the picture.

    Raises:
        TooLargeError: The picture has more pixels.
    """
    width, height = size
    if width * height > max_pixels:
        raise TooLargeError(
            f"{name} {what} {width} × {height} pixels, more than the limit of {max_pixels}: "
            "raise it with --max-pixels if you trust the file."
        )


@contextmanager
def decode_errors(name: str, format: str) -> Iterator[None]:
    """Converts all exceptions of decoders to UnreadableImageError. Wrap only calls of decoders in it.

    Pillow raises many types on damaged data, among them OSError, SyntaxError, ValueError, struct.error,
    IndexError, KeyError, TypeError and DecompressionBombError. Therefore this catches Exception.

    Args:
        name: Name of the picture in the error message.
        format: Format in the error message.

    Raises:
        UnreadableImageError: The decoder failed, or memory ran out.
    """
    try:
        yield
    except MemoryError as error:
        raise UnreadableImageError(
            f"{name} does not fit in the free memory: close other programs, or use a smaller copy of it."
        ) from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableImageError(
            f"{name} cannot be decoded as {format}: it is damaged, cut off or of a variety that is not "
            f"handled ({reason}); get a whole copy, or save it anew with another program."
        ) from error


@contextmanager
def damage_errors(name: str) -> Iterator[None]:
    """Converts ValueErrors of our own checks to UnreadableImageError.

    Args:
        name: Name of the picture in the error message.

    Raises:
        UnreadableImageError: A check failed.
    """
    try:
        yield
    except ValueError as error:
        raise UnreadableImageError(
            f"{name} is damaged or cut off: {error}; get a whole copy of it."
        ) from error


def _read_by_pillow(picture: ImageFile, name: str) -> tuple[Pixels, Pixels | None]:
    with decode_errors(name, picture.format or "picture"):
        mode = arrays.plain_mode(picture)
        plain = picture if mode in (None, picture.mode) else picture.convert(mode)
    if mode is None:
        raise UnreadableImageError(
            f"{name} stores its pixels as {_MODES.get(picture.mode, picture.mode)}: convert it to 8 or 16 "
            "bits of grey or RGB first."
        )
    return arrays.from_pillow(plain)


def _read_png(picture: PngImageFile, data: bytes, name: str) -> tuple[Pixels, Pixels | None]:
    if png.is_deep(data):
        colours, alpha = _read_deep_png(data, name)
    else:
        colours, alpha = _read_by_pillow(picture, name)
    if key := png.colour_key(data):
        opaque = np.any(colours != np.array(key, colours.dtype), axis=2)
        alpha = opaque * np.array(np.iinfo(colours.dtype).max, colours.dtype)
    return colours, alpha


def _read_deep_png(data: bytes, name: str) -> tuple[Pixels, Pixels | None]:
    with damage_errors(name):
        bare = png.bare(data)
    with decode_errors(name, "PNG"):
        samples = arrays.deep_samples(bare)
    if png.header(data)[1] == png.GREY_ALPHA:  # three equal colours here
        samples = samples[..., [0, 3]]
    return arrays.split(samples)


def _read_tiff(picture: TiffImageFile, data: bytes, name: str) -> tuple[Pixels, Pixels | None]:
    tags = picture.tag_v2
    if picture.mode in ("RGB", "RGBA") and max(tags.get(Base.BitsPerSample, (1,))) == 16:
        return _read_deep_tiff(picture, data, name)
    if tags.get(Base.BitsPerSample) == (12,):  # Pillow would read them as 0–4095 of 65535
        raise UnreadableImageError(f"{name} stores 12 bits a sample: convert it to 8 or 16 bits first.")
    colours, alpha = _read_by_pillow(picture, name)
    if tags.get(_SAMPLE_FORMAT) == (_SIGNED,):  # Pillow reads 8 bits as unsigned
        raise UnreadableImageError(f"{name} stores signed numbers: convert it to 8 or 16 bits without signs.")
    if colours.dtype == np.uint16 and tags.get(Base.PhotometricInterpretation) == _WHITE_IS_ZERO:
        np.invert(colours, out=colours)  # Pillow inverts only 8-bit samples
    return colours, alpha


def _read_deep_tiff(picture: TiffImageFile, data: bytes, name: str) -> tuple[Pixels, Pixels | None]:
    tags, has_alpha = picture.tag_v2, picture.mode == "RGBA"
    picture.close()  # frees memory, as above
    with decode_errors(name, "TIFF"):
        deep = arrays.deep_samples(data)
    colours, alpha = arrays.split(deep)
    if not has_alpha:  # a fourth channel has no stated meaning
        return colours, None
    if alpha is not None and tags.get(_EXTRA_SAMPLES) == (_PREMULTIPLIED,):
        colour.unpremultiply(colours, alpha)
    return colours, alpha
