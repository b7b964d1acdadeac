"""Picture files for the tests, made by other libraries or by hand, never by the code under test."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import PIL.Image
import tifffile
from numpy.typing import NDArray

THUMBNAIL = b"\xff\xd8\xff rainy thumbnail \xff\xd9"
MAKER_NOTE = b"maker note with offsets inside"
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="6" '
    b"dc:rights='caf\xc3\xa9'/></rdf:RDF></x:xmpmeta>"
)


def texture(height: int, width: int, channels: int = 3, dtype: Any = np.uint8) -> NDArray[Any]:
    """Gradients with noise that fill the range; no two channels, rows or columns alike."""
    rng = np.random.default_rng(height * 1000 + width)
    top = np.iinfo(dtype).max
    rows, columns, planes = np.ogrid[0 : 1 : height * 1j, 0 : 1 : width * 1j, 0 : 1 : channels * 1j]
    smooth = (0.5 * rows + 0.3 * columns + 0.2 * planes) * top
    return np.clip(smooth + rng.normal(0, 0.05 * top, (height, width, channels)), 0, top).astype(dtype)


def saved(picture: PIL.Image.Image, format: str, **options: Any) -> bytes:
    file = BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def opened(data: bytes) -> PIL.Image.Image:
    picture = PIL.Image.open(BytesIO(data))
    picture.load()
    return picture


def by_opencv(data: bytes) -> NDArray[Any]:
    """Read as OpenCV does, in the order RGB(A)."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]


def deep_png(pixels: NDArray[np.uint16]) -> bytes:
    """16-bit grey, RGB or RGBA, by OpenCV."""
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[2]]
    return cv2.imencode(".png", np.ascontiguousarray(pixels[..., order]))[1].tobytes()


def tiff(pixels: NDArray[Any], **options: Any) -> bytes:
    """By tifffile, whose options these are."""
    file = BytesIO()
    tifffile.imwrite(file, pixels, metadata=None, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def raw_png(width: int, height: int, bits: int, colour_type: int, lines: list[bytes], *extra: bytes) -> bytes:
    """Unfiltered lines of packed samples; `extra` are whole chunks to stand before them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + data + chunk(b"IEND", b"")


def exif(orientation: int, order: str = "<") -> bytes:
    """IFD0 with maker and orientation, an Exif directory with a maker note, IFD1 with a thumbnail."""

    def directory(*entries: tuple[int, int, int, bytes], link: int) -> bytes:
        body = b"".join(struct.pack(f"{order}HHI4s", *entry) for entry in entries)
        return struct.pack(f"{order}H", len(entries)) + body + struct.pack(f"{order}I", link)

    def long(value: int) -> bytes:
        return struct.pack(f"{order}I", value)

    first, sub, second = 8, 50, 68
    maker, note, thumbnail = 98, 98 + 8, 98 + 8 + len(MAKER_NOTE)
    return b"".join(
        (
            (b"II*\0" if order == "<" else b"MM\0*") + long(first),
            directory(
                (0x010F, 2, 8, long(maker)),
                (0x0112, 3, 1, struct.pack(f"{order}HH", orientation, 0)),
                (0x8769, 4, 1, long(sub)),
                link=second,
            ),
            directory((0x927C, 7, len(MAKER_NOTE), long(note)), link=0),
            directory((0x0201, 4, 1, long(thumbnail)), (0x0202, 4, 1, long(len(THUMBNAIL))), link=0),
            b"Acme Co\0" + MAKER_NOTE + THUMBNAIL,
        )
    )


def icc(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A version 2 ICC profile (ICC.1:2001-04) of a colour space with the given tags."""
    connection = b"Lab " if space == b"CMYK" else b"XYZ "
    white = struct.pack(">4s4x3i", b"XYZ ", 63190, 65536, 54061)  # D50 in 16.16 fixed point
    tags = {b"wtpt": white, **tags}
    table, bodies, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        body += bytes(-len(body) % 4)
        table += struct.pack(">4sII", name, start + len(bodies), len(body))
        bodies += body
    head = struct.pack(
        ">I4sI4s4s4s12x4s28x3i",
        *(start + len(bodies), b"", 0x02400000, b"prtr" if space == b"CMYK" else b"mntr", space, connection),
        *(b"acsp", 63190, 65536, 54061),
    )
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + bodies


_LINEAR = struct.pack(">4s4xI", b"curv", 0)

LINEAR_GREY = icc(b"GRAY", {b"kTRC": _LINEAR})

LINEAR_RGB = icc(  # sRGB's primaries (adapted to D50) without its curve
    b"RGB ",
    {
        b"rXYZ": struct.pack(">4s4x3i", b"XYZ ", 28578, 14576, 912),
        b"gXYZ": struct.pack(">4s4x3i", b"XYZ ", 25241, 46981, 6362),
        b"bXYZ": struct.pack(">4s4x3i", b"XYZ ", 9376, 3979, 46799),
        b"rTRC": _LINEAR,
        b"gTRC": _LINEAR,
        b"bTRC": _LINEAR,
    },
)


def swapped_ink_profile() -> bytes:
    """A CMYK profile of a press that has red ink in its cyan tank; black and white are as usual."""
    ramp = bytes(range(256))
    identity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    cells = b""
    for cell in range(16):  # two grid points for each ink, the last varies fastest
        cyan, black = cell & 8, cell & 1
        lab = (0, 128, 128) if black else (136, 208, 195) if cyan else (255, 128, 128)
        cells += bytes(lab)
    lut = struct.pack(">4s4xBBBx", b"mft1", 4, 3, 2) + identity + ramp * 4 + cells + ramp * 3
    return icc(b"CMYK", {b"A2B0": lut})
