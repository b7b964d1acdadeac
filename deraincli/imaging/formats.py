"""Lists the picture formats, their names and signatures, and what each can hold."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from deraincli.errors import UsageError
from deraincli.runtime.installation import install_command


class Format(NamedTuple):
    """What a format can hold."""

    suffixes: tuple[str, ...]
    """Suffixes in lower case, the usual one first."""
    max_side: int
    """Largest side in pixels that its encoder accepts."""
    deep: bool
    """Whether it holds 16 bits per channel."""
    alpha: bool
    """Whether it holds transparency."""
    grey: bool
    """Whether grey always has one channel. If it may become RGB, a grey ICC profile cannot be kept."""
    icc: bool
    """Whether it holds an ICC profile."""
    metadata: bool
    """Whether it holds EXIF and XMP."""
    resolution: bool = True
    """Whether it holds a print resolution outside EXIF."""
    library: str = ""
    """The module that reads it, if that is not a part of Pillow."""
    extra: str = ""
    """The extra of this package that installs `library`."""
    instead: str = ""
    """The format of results by default, if this one cannot be written."""


FORMATS = {
    "JPEG": Format(
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        max_side=65_500,  # libjpeg's JPEG_MAX_DIMENSION, less than the format's own 65,535
        deep=False,
        alpha=False,
        grey=True,
        icc=True,
        metadata=True,
    ),
    "PNG": Format((".png",), 2**31 - 1, deep=True, alpha=True, grey=True, icc=True, metadata=True),
    "WEBP": Format(
        (".webp",), 16_383, deep=False, alpha=True, grey=False, icc=True, metadata=True, resolution=False
    ),
    "TIFF": Format((".tif", ".tiff"), 2**31 - 1, deep=True, alpha=True, grey=True, icc=True, metadata=True),
    "BMP": Format((".bmp", ".dib"), 2**31 - 1, deep=False, alpha=False, grey=True, icc=False, metadata=False),
    # libavif decodes at most 32,768 by default. Pillow stores grey with alpha as RGB.
    "AVIF": Format(
        (".avif",), 32_768, deep=False, alpha=True, grey=False, icc=True, metadata=True, resolution=False
    ),
    # The library writes neither profiles nor colours of 16 bits.
    "JXL": Format(
        (".jxl",),
        262_144,
        deep=False,
        alpha=True,
        grey=True,
        icc=False,
        metadata=True,
        resolution=False,
        library="pillow_jxl",
        extra="jxl",
    ),
    "HEIC": Format(
        (".heic", ".heif", ".hif"),
        32_768,
        deep=True,
        alpha=True,
        grey=True,
        icc=True,
        metadata=True,
        library="pi_heif",
        extra="heif",
        instead="JPEG",
    ),
    "RAW": Format(
        (".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"),
        65_535,
        deep=True,
        alpha=False,
        grey=False,
        icc=False,
        metadata=True,
        library="rawpy",
        extra="raw",
        instead="TIFF",
    ),
}

_FORMAT_OF_SUFFIX = {suffix: name for name, format in FORMATS.items() for suffix in format.suffixes}

HEAD_BYTES = 64
"""Number of bytes at the start of a file that show its format."""

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
    (b"\xff\x0a", "JXL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JXL"),
    (b"FUJIFILMCCD-RAW", "RAW"),
    (b"IIRO", "RAW"),
    (b"IIRS", "RAW"),
    (b"MMOR", "RAW"),
    (b"IIU\0", "RAW"),
)
_BRANDS = {b"avi": "AVIF", b"hei": "HEIC", b"hev": "HEIC", b"crx": "RAW"}
"""Formats by the first three letters of the brands in their ISO container."""


def format_of(path: Path) -> str:
    """Returns the format in which a file is written, by its suffix.

    Args:
        path: The file to write.

    Returns:
        A key of `FORMATS`.

    Raises:
        UsageError: The suffix is unknown, or this machine cannot write its format.
    """
    format = _FORMAT_OF_SUFFIX.get(path.suffix.lower())
    if format in WRITTEN and FORMATS[format].extra and not available(format):
        raise UsageError(f"'{path.name}' cannot be written here: {missing_extra(format)}")
    if format not in WRITTEN or not available(format):
        known = (s for name in WRITTEN if available(name) for s in FORMATS[name].suffixes)
        raise UsageError(
            f"'{path.name}' does not end in the suffix of a picture format that can be written here: "
            f"use one of {', '.join(known)}."
        )
    return format


def format_named(name: str) -> str:
    """Returns the format that a user names, such as `jpg` or `PNG`.

    Args:
        name: The name in any case.

    Returns:
        A key of `FORMATS`.

    Raises:
        UsageError: There is no such format, or its extra is not installed.
    """
    names = {"jpg": "JPEG", "tif": "TIFF"} | {key.lower(): key for key in WRITTEN}
    if name.lower() not in names:
        raise UsageError(f"Unknown --format {name!r}: choose {', '.join(key.lower() for key in WRITTEN)}.")
    format = names[name.lower()]
    if FORMATS[format].extra and not available(format):
        raise UsageError(f"{format} cannot be written here: {missing_extra(format)}")
    return format


def result_format(format: str) -> str:
    """Returns the format of results of a picture by default, which is the same if that can be written.

    Args:
        format: A key of `FORMATS`.
    """
    return FORMATS[format].instead or format


def result_suffix(suffix: str) -> str:
    """Returns the suffix of a result that keeps the name of its picture.

    Args:
        suffix: The suffix of the picture, with its dot.

    Returns:
        The same suffix, or that of another format if the picture's format cannot be written.
    """
    format = _FORMAT_OF_SUFFIX.get(suffix.lower())
    if format is None or result_format(format) == format:
        return suffix
    return FORMATS[result_format(format)].suffixes[0]


def recognise(head: bytes, suffix: str = "") -> str | None:
    """Recognises a format by the first bytes of a file.

    Args:
        head: The first HEAD_BYTES of the file.
        suffix: Suffix of the file's name. Most camera raws begin like a TIFF and differ by their suffix only.

    Returns:
        A key of `FORMATS`, or None for any other content.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _by_brands(head)
    format = next((name for signature, name in _SIGNATURES if head.startswith(signature)), None)
    if format == "TIFF" and (_FORMAT_OF_SUFFIX.get(suffix.lower()) == "RAW" or head[8:10] == b"CR"):
        return "RAW"
    return format


def _by_brands(head: bytes) -> str | None:
    """Returns the format of an ISO container, by its main brand, or by others if that fits any picture."""
    length, main = int.from_bytes(head[:4], "big"), head[8:12]
    general = main in (b"mif1", b"msf1")
    others = [head[place : place + 4] for place in range(16, min(length, len(head)), 4)] if general else []
    found = (_BRANDS.get(brand[:3]) for brand in (main, *others))
    return next((format for format in found if format), "AVIF" if general else None)


@cache
def available(format: str) -> bool:
    """Returns whether this machine can read a format.

    Args:
        format: A key of `FORMATS`.
    """
    if format == "AVIF":
        return avif_supported()
    library = FORMATS[format].library
    return not library or find_spec(library) is not None


def missing_extra(format: str) -> str:
    """Returns the sentence that says how to read or write a format that is not available.

    Args:
        format: A key of `FORMATS` with an extra.
    """
    extra = FORMATS[format].extra
    return f"{format} needs the extra '{extra}': {install_command(extra)}"


def missing_extras(files: Iterable[Path]) -> list[str]:
    """Returns how to make the formats of files readable here, a sentence for each format.

    Args:
        files: Files, whose suffixes count.
    """
    found = dict.fromkeys(_FORMAT_OF_SUFFIX.get(file.suffix.lower()) for file in files)
    return [missing_extra(format) for format in found if format and not available(format)]


def avif_supported() -> bool:
    """Returns whether this Pillow supports AVIF, which requires at least version 11.3."""
    try:
        from PIL import AvifImagePlugin
    except ImportError:
        return False
    return AvifImagePlugin.SUPPORTED


WRITTEN = tuple(name for name, format in FORMATS.items() if not format.instead)
"""The formats that are written, where their libraries are installed."""

LOSSLESS = ("PNG", "TIFF", "BMP")
"""The written formats whose encoders take no quality."""

PICTURE_SUFFIXES = frozenset(
    suffix
    for name, format in FORMATS.items()
    if not format.library or available(name)
    for suffix in format.suffixes
)
"""Suffixes of pictures that can be read here."""

OTHER_PICTURE_SUFFIXES = (
    frozenset(
        (
            *(".gif", ".jp2", ".j2k", ".psd", ".tga", ".exr", ".hdr", ".ico"),
            *(".ppm", ".pgm", ".pbm", ".pnm"),
        )
    )
    | frozenset(_FORMAT_OF_SUFFIX)
) - PICTURE_SUFFIXES
"""Suffixes of pictures that cannot be read here."""
VIDEO_SUFFIXES = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv"),
        *(".flv", ".mpg", ".mpeg", ".mts", ".m2ts", ".3gp", ".ogv"),
    )
)

_VIDEO_SIGNATURES = (
    b"\x1a\x45\xdf\xa3",  # Matroska and WebM
    b"\0\0\1\xba",  # MPEG
    b"\0\0\1\xb3",
    b"FLV\1",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, for WMV
)
_STILL_BRANDS = (b"hei", b"hev", b"mif1", b"msf1", b"avi", b"crx ", b"jxl ", b"jp2 ")
"""First bytes of the brands of still pictures that use the same ISO container as MP4."""


def is_video(head: bytes, suffix: str = "") -> bool:
    """Returns whether a file is a video, by its first bytes or by its suffix.

    Args:
        head: The first bytes. 16 are enough.
        suffix: Suffix of the file's name, considered if the first bytes show no known container.

    Returns:
        True for a video.
    """
    if head[4:8] == b"ftyp":
        return not head[8:12].startswith(_STILL_BRANDS)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return True
    return head.startswith(_VIDEO_SIGNATURES) or suffix.lower() in VIDEO_SUFFIXES


DEFAULT_MAX_PIXELS = 178_000_000
"""Default limit of a picture's pixels, because a small file can claim any size.

The decoders of all formats accept this many.
"""
