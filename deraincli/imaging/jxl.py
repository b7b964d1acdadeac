"""Reads and writes JPEG XL with pillow-jxl-plugin, which the extra `jxl` installs.

The plugin's encoder and decoder are called directly, because its Pillow classes drop XMP.
Specification: ISO/IEC 18181-1, annex D, and 18181-2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deraincli.imaging import arrays, beside, metadata, xmp
from deraincli.imaging.formats import HEAD_BYTES
from deraincli.imaging.image import Image
from deraincli.imaging.iso_boxes import boxes
from deraincli.imaging.pixel_reader import check_pixels, decode_errors
from deraincli.runtime.parallel import usable_cpus

_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I": 1}
_SRGB = ("sRGB", "Gra_D65_Rel_SRG")
"""Names of the profiles that the decoder makes for files in sRGB without a profile, in colour and grey."""
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_PART_NUMBER = 4
"""Bytes before a part of the codestream, in boxes that hold only a part."""
_QUALITY = 95
_LOSSLESS = 100


def decode(data: bytes, name: str, max_pixels: int) -> Image | bytes:
    """Decodes a file.

    The library turns the picture upright.

    Args:
        data: The whole file.
        name: Name of the picture in error messages.
        max_pixels: Larger pictures are refused before they are decoded.

    Returns:
        The picture. If the file was made from a JPEG without loss, the content of that JPEG.

    Raises:
        UnreadableImageError: The picture is damaged, too large (TooLargeError), or floating-point.
    """
    from pillow_jxl import Decoder

    with decode_errors(name, "JXL"):
        size = _size(data)
    check_pixels(name, size, max_pixels)
    with decode_errors(name, "JXL"):
        is_jpeg, info, content, icc, boxes = Decoder(num_threads=usable_cpus())(data)
        if is_jpeg:
            return bytes(content)
        mode = info.mode.partition(";")[0]
        if mode not in _CHANNELS:
            raise ValueError("its samples are floating-point numbers")
        shape = (info.height, info.width, _CHANNELS[mode])
        dtype: type[np.unsignedinteger[Any]] = np.uint16 if len(content) == 2 * np.prod(shape) else np.uint8
        samples = np.frombuffer(content, dtype).reshape(shape)
    colours, alpha = arrays.split(samples)
    found = {box.box_type: box.data for box in boxes}
    packet = found.get(b"xml ")
    exif, true_packet, left_out = metadata.corrected(
        _bare(found.get(b"Exif")), packet, (info.width, info.height)
    )
    if xmp.claims_more(packet):
        left_out = (*left_out, beside.BEHIND)
    if icc and icc[4:8] == b"jxl " and any(name.encode("utf-16-be") in icc for name in _SRGB):
        icc = None
    return Image(colours, "JXL", alpha, icc or None, exif, true_packet, left_out=left_out)


def encode(image: Image, quality: int | None) -> bytes:
    """Encodes a picture of 8 bits in sRGB.

    Args:
        image: The picture, as `encode.fit_to_format` fits it.
        quality: 1–100, 95 by default. 100 is lossless.
    """
    from pillow_jxl import Encoder

    quality = quality or _QUALITY
    samples = image.pixels if image.alpha is None else np.dstack([image.pixels, image.alpha])
    height, width, channels = samples.shape
    encoder = Encoder(
        mode={count: mode for mode, count in _CHANNELS.items() if mode != "I"}[channels],
        lossless=quality == _LOSSLESS,
        quality=quality,
        decoding_speed=0,
        effort=7,
        use_container=bool(image.exif or image.xmp),
        use_original_profile=False,
        num_threads=usable_cpus(),
    )
    return bytes(
        encoder(
            np.ascontiguousarray(samples).tobytes(),
            width,
            height,
            jpeg_encode=False,
            exif=image.exif,
            xmp=image.xmp,
            jumb=None,
            compress=False,
        )
    )


def _bare(exif: bytes | None) -> bytes | None:
    """Returns EXIF without the four bytes before it that state where it begins."""
    return exif[4:] if exif and exif[:4] == bytes(4) else exif


def _size(data: bytes) -> tuple[int, int]:
    """Returns the width and height that the header of the codestream states.

    Raises:
        ValueError: There is no codestream.
    """
    start = _codestream(data)
    if data[start : start + 2] != b"\xff\x0a":
        raise ValueError("it has no codestream")
    return _Bits(data[start + 2 : start + HEAD_BYTES]).size()


def _codestream(data: bytes) -> int:
    """Returns where the codestream begins."""
    if not data.startswith(_CONTAINER):
        return 0
    for box in boxes(data):
        if box.kind in (b"jxlc", b"jxlp"):
            return box.body + (_PART_NUMBER if box.kind == b"jxlp" else 0)
    raise ValueError("it has no codestream")


class _Bits:
    """Reads the fields of a header, the lowest bit first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        """Returns the next `count` bits as a number."""
        found = self._value & ((1 << count) - 1)
        self._value >>= count
        return found

    def size(self) -> tuple[int, int]:
        """Returns width and height of a SizeHeader."""
        small = self.take(1)
        height = self._side(small)
        ratio = self.take(3)
        if ratio == 0:
            return self._side(small), height
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height

    def _side(self, small: int) -> int:
        return 8 * (1 + self.take(5)) if small else 1 + self.take((9, 13, 18, 30)[self.take(2)])
