"""What must hold for every picture file: a refusal in one sentence, or a picture that survives writing."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL.ExifTags import Base
from seed_pictures import formats

from deraincli.errors import DerainError, OutputError
from deraincli.imaging import colour, metadata
from deraincli.imaging.decode import decode
from deraincli.imaging.encode import encode, fit_to_format
from deraincli.imaging.formats import WRITTEN
from deraincli.imaging.image import Image, Pixels

MAX_PIXELS = 20_000
_LOSSLESS = {"PNG": None, "TIFF": None, "BMP": None, "WEBP": 100, "JXL": 100}


def check_picture(data: bytes, folder: Path) -> None:
    """Decodes twice, writes the picture in one of the formats, and reads that again."""
    image = _decoded(data)
    if image is None:
        return
    draw = zlib.crc32(data)
    # These encoders take a hundred times as long as the others.
    slow = [format for format in ("AVIF", "JXL") if format in formats()]
    quick = [format for format in formats() if format in WRITTEN and format not in slow]
    names = slow if slow and draw % 101 == 0 else quick
    format = names[draw // 101 % len(names)]
    check_round_trip(image, format)


def _decoded(data: bytes) -> Image | None:
    """A picture, or None for a file that is refused; the second attempt must give the same."""
    outcomes = [_outcome(lambda: decode(data, max_pixels=MAX_PIXELS)) for _ in range(2)]
    first, second = outcomes
    if isinstance(first, str) or isinstance(second, str):
        assert first == second, f"{first!r} at first, {second!r} then"
        return None
    _check_form(first)
    assert_same(first, second)
    return first


def _outcome(attempt: Callable[[], Image]) -> Image | str:
    try:
        return attempt()
    except DerainError as error:
        assert_one_sentence(error)
        return str(error)


def assert_one_sentence(error: DerainError) -> None:
    """Checks that an error is one line that ends as sentences do; control characters are escaped later."""
    text = str(error)
    assert "\n" not in text, repr(text)
    assert text.endswith((".", "?")), repr(text)


def _check_form(image: Image) -> None:
    height, width, channels = image.pixels.shape
    assert 0 < height * width <= MAX_PIXELS
    assert channels in (1, 3)
    assert image.pixels.dtype in (np.uint8, np.uint16)
    assert image.pixels.flags.c_contiguous
    if image.alpha is not None:
        assert image.alpha.shape == (height, width)
        assert image.alpha.dtype == image.pixels.dtype
    for note in image.notes:
        assert note.isprintable(), repr(note)
    if image.resolution is not None:
        assert all(np.isfinite(value) and value > 0 for value in image.resolution)


def assert_same(first: Image, second: Image) -> None:
    """Checks that two pictures agree in everything."""
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert (first.alpha is None) == (second.alpha is None)
    if first.alpha is not None:
        np.testing.assert_array_equal(first.alpha, second.alpha)
    for name in ("icc", "exif", "xmp", "format", "notes", "png_chunks", "resolution"):
        assert getattr(first, name) == getattr(second, name), name


def check_round_trip(image: Image, format: str) -> None:
    """Writes a picture and reads it again: what the format can hold is the same."""
    try:
        fitted = fit_to_format(image, format)
    except OutputError as error:
        assert_one_sentence(error)
        return
    for note in fitted.notes:
        assert note.isprintable(), repr(note)
    data = encode(image, format, quality=_LOSSLESS.get(format))
    read = decode(data, max_pixels=MAX_PIXELS)
    assert read.format == format
    assert read.pixels.shape[:2] == fitted.pixels.shape[:2]
    if format in _LOSSLESS:
        assert read.pixels.dtype == fitted.pixels.dtype
        np.testing.assert_array_equal(colour.as_rgb(read.pixels), colour.as_rgb(fitted.pixels))
        np.testing.assert_array_equal(_opacity(read), _opacity(fitted))
    assert read.icc == fitted.icc, "the colour profile"
    assert read.xmp == fitted.xmp, "XMP"
    if format in ("JPEG", "PNG", "WEBP", "JXL"):
        assert read.exif == fitted.exif, "EXIF"
    elif format == "AVIF" and fitted.exif:
        assert read.exif == metadata.without_orientation(fitted.exif), "EXIF"
    elif fitted.exif:
        assert _descriptions(read.exif) >= _descriptions(fitted.exif), "EXIF"
    assert read.png_chunks == fitted.png_chunks, "colour chunks"
    _check_resolution(read, fitted)


def _opacity(image: Image) -> Pixels:
    if image.alpha is not None:
        return image.alpha
    top = np.iinfo(image.pixels.dtype).max
    return np.full(image.pixels.shape[:2], top, image.pixels.dtype)


def _descriptions(exif: bytes | None) -> set[str]:
    """Make, model and the like, as Pillow reads them, without the resolution."""
    parsed = metadata.parsed_exif(exif) if exif else None
    tags = set(metadata.TIFF_TAGS) - {Base.XResolution, Base.YResolution, Base.ResolutionUnit}
    values = {tag: parsed[tag] for tag in tags if tag in parsed} if parsed else {}
    texts = {t: v.decode("latin-1") if isinstance(v, bytes) else str(v) for t, v in values.items()}
    return {f"{tag}: {text.rstrip(chr(0))}" for tag, text in texts.items()}


def _check_resolution(read: Image, fitted: Image) -> None:
    if fitted.resolution is None or read.resolution is None:
        return
    if not all(1 <= value <= 10_000 for value in fitted.resolution):
        return  # beyond what some formats can say
    for ours, theirs in zip(read.resolution, fitted.resolution, strict=True):
        assert abs(ours - theirs) <= max(0.51, 0.01 * theirs), f"{theirs} pixels an inch became {ours}"
