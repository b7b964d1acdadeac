"""The picture formats: how they are named and recognised, and what each can hold."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from deraincli.errors import UsageError


class Format(NamedTuple):
    """What a format can hold."""

    suffixes: tuple[str, ...]
    """Lower case, the usual one first."""
    max_side: int
    """Most pixels along a side that its encoder takes."""
    deep: bool
    """16 bits a channel."""
    alpha: bool
    grey: bool
    """One channel, always; otherwise grey may be stored as equal RGB, which rules out a grey ICC profile."""
    icc: bool
    metadata: bool
    """EXIF and XMP."""
    resolution: bool = True
    """Pixels an inch, outside of EXIF."""


FORMATS = {
    "JPEG": Format(
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        max_side=65_500,  # libjpeg's JPEG_MAX_DIMENSION; the format itself ends at 65,535
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
    # 32,768 is what libavif decodes by default; Pillow has it store grey with alpha as RGB.
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
    """Name the format that a file of this name is to be written in.

    Raises:
        UsageError: for a suffix of no known format, or of one that this machine cannot write.
    """
    format = _FORMAT_OF_SUFFIX.get(path.suffix.lower())
    if format is None or (format == "AVIF" and not avif_supported()):
        raise UsageError(
            f"'{path.name}' does not end in the suffix of a picture format that can be written here: "
            f"use one of {', '.join(_known_suffixes())}."
        )
    return format


def format_named(name: str) -> str:
    """The key of `FORMATS` that a user means by `jpg`, `PNG`, ….

    Raises:
        UsageError: there is no such format.
    """
    names = {"jpg": "JPEG", "tif": "TIFF"} | {key.lower(): key for key in FORMATS}
    if name.lower() not in names:
        raise UsageError(f"Unknown --format {name!r}: choose {', '.join(key.lower() for key in FORMATS)}.")
    return names[name.lower()]


def recognise(head: bytes) -> str | None:
    """Name the format of a file that starts with `head` (16 bytes are enough), whatever its name says."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis", b"mif1", b"msf1"):
        return "AVIF"
    return next((name for signature, name in _SIGNATURES if head.startswith(signature)), None)


def avif_supported() -> bool:
    """Whether this Pillow was built with AVIF, which it knows since 11.3."""
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
"""Of pictures that cannot be read here."""
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
"""How the brand of a file begins that has an ISO container, as MP4 has, but holds pictures."""


def is_video(head: bytes, suffix: str = "") -> bool:
    """Whether a file is a video by its first bytes (16 are enough), or else by its suffix."""
    if head[4:8] == b"ftyp":
        return not head[8:12].startswith(_STILL_BRANDS)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return True
    return head.startswith(_VIDEO_SIGNATURES) or suffix.lower() in VIDEO_SUFFIXES


DEFAULT_MAX_PIXELS = 178_000_000
"""Larger pictures are refused unless asked for: a small file can claim any size. Every format allows it."""
