"""Lists the picture formats, their names and signatures, and what each can hold."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from deraincli.errors import UsageError


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
}

_FORMAT_OF_SUFFIX = {suffix: name for name, format in FORMATS.items() for suffix in format.suffixes}

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
)


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
    if format is None or (format == "AVIF" and not avif_supported()):
        raise UsageError(
            f"'{path.name}' does not end in the suffix of a picture format that can be written here: "
            f"use one of {', '.join(_known_suffixes())}."
        )
    return format


def format_named(name: str) -> str:
    """Returns the format that a user names, such as `jpg` or `PNG`.

    Args:
        name: The name in any case.

    Returns:
        A key of `FORMATS`.

    Raises:
        UsageError: There is no such format.
    """
    names = {"jpg": "JPEG", "tif": "TIFF"} | {key.lower(): key for key in FORMATS}
    if name.lower() not in names:
        raise UsageError(f"Unknown --format {name!r}: choose {', '.join(key.lower() for key in FORMATS)}.")
    return names[name.lower()]


def recognise(head: bytes) -> str | None:
    """Recognises a format by the first bytes of a file.

    Args:
        head: The first bytes. 16 are enough.

    Returns:
        A key of `FORMATS`, or None for any other content.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis", b"mif1", b"msf1"):
        return "AVIF"
    return next((name for signature, name in _SIGNATURES if head.startswith(signature)), None)


def avif_supported() -> bool:
    """Returns whether this Pillow supports AVIF, which requires at least version 11.3."""
    try:
        from PIL import AvifImagePlugin
    except ImportError:
        return False
    return AvifImagePlugin.SUPPORTED


def _known_suffixes() -> list[str]:
    return [s for s, name in _FORMAT_OF_SUFFIX.items() if name != "AVIF" or avif_supported()]


PICTURE_SUFFIXES = frozenset(suffix for format in FORMATS.values() for suffix in format.suffixes)

OTHER_PICTURE_SUFFIXES = frozenset(
    (
        *(".heic", ".heif", ".hif", ".gif", ".jxl", ".jp2", ".j2k", ".psd", ".tga", ".exr", ".hdr", ".ico"),
        *(".ppm", ".pgm", ".pbm", ".pnm"),
        *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"),
    )
)
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
