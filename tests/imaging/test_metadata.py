"""What a file says about its picture is kept and made true, or its loss is said."""

from __future__ import annotations

import struct

import PIL.Image
import pytest
from picture_files import opened, saved, texture

from deraincli.imaging.decode import decode
from deraincli.imaging.encode import encode, fit_to_format
from deraincli.imaging.formats import avif_supported

LIMIT = 10**6
PICTURE = PIL.Image.fromarray(texture(64, 96))
METADATA_FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", *(["AVIF"] if avif_supported() else [])]
PRINT_FORMATS = ["JPEG", "PNG", "TIFF", "BMP"]


@pytest.mark.parametrize("to", PRINT_FORMATS)
@pytest.mark.parametrize("source", PRINT_FORMATS)
def test_print_resolution_survives(source: str, to: str) -> None:
    image = decode(saved(PICTURE, source, dpi=(300, 150)), max_pixels=LIMIT)
    assert opened(encode(image, to)).info["dpi"] == pytest.approx((300, 150), abs=0.1)


@pytest.mark.skipif(not avif_supported(), reason="Pillow without AVIF")
@pytest.mark.parametrize(("dpi", "notes"), [(300, 1), (72, 0)])
def test_print_resolution_that_gets_lost_is_noted(dpi: int, notes: int) -> None:
    image = decode(saved(PICTURE, "JPEG", dpi=(dpi, dpi)), max_pixels=LIMIT)
    for format in ("WEBP", "AVIF"):
        fitting = fit_to_format(image, format)
        assert len(fitting.notes) == notes
        assert fit_to_format(fitting, format) is fitting


def _sideways() -> PIL.Image.Exif:
    tags = PIL.Image.Exif()
    tags[0x112], tags[0x11A], tags[0x11B], tags[0x128] = 6, 300.0, 150.0, 2
    tags[0x100], tags[0x101] = 96, 64
    tags.get_ifd(0x8769).update({0xA002: 96, 0xA003: 64, 0xA20E: 20.0, 0xA20F: 10.0})
    return tags


XMP_OF_SIDEWAYS = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description exif:PixelXDimension="96" '
    b'tiff:XResolution="300/1" tiff:YResolution="150/1"><tiff:ImageLength>64</tiff:ImageLength>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)


@pytest.mark.parametrize("to", METADATA_FORMATS)
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_sizes_and_resolutions_are_those_of_the_turned_picture(source: str, to: str) -> None:
    image = decode(saved(PICTURE, source, exif=_sideways().tobytes()), max_pixels=LIMIT)
    picture = opened(encode(image, to))
    tags = picture.getexif()
    details = tags.get_ifd(0x8769)
    assert picture.size == (64, 96)
    assert (details[0xA002], details[0xA003]) == (64, 96)
    assert (float(details[0xA20E]), float(details[0xA20F])) == (10, 20)
    assert (float(tags[0x11A]), float(tags[0x11B])) == (150, 300)
    assert (tags.get(0x100, 64), tags.get(0x101, 96)) == (64, 96)


def test_sizes_in_xmp_are_those_of_the_turned_picture() -> None:
    data = saved(PICTURE, "JPEG", exif=_sideways().tobytes(), xmp=XMP_OF_SIDEWAYS)
    xmp = decode(data, max_pixels=LIMIT).xmp
    assert xmp is not None
    assert b'exif:PixelXDimension="64"' in xmp and b"<tiff:ImageLength>96<" in xmp
    assert b'tiff:YResolution="300/1" tiff:XResolution="150/1"' in xmp


def _block(link: bytes, *, big: bool = False) -> bytes:
    """EXIF of two short entries and a date, with any bytes where the link should be."""
    order = ">" if big else "<"
    entries = (
        struct.pack(f"{order}HHI4s", 0x10F, 2, 4, b"ACM\0")
        + struct.pack(f"{order}HHIHH", 0x112, 3, 1, 6, 0)
        + struct.pack(f"{order}HHII", 0x132, 2, 20, 8 + 2 + 36 + len(link))
    )
    head = (b"MM\0*" if big else b"II*\0") + struct.pack(f"{order}IH", 8, 3)
    return head + entries + link + b"2024:05:06 07:08:09\0"


@pytest.mark.parametrize("to", METADATA_FORMATS)
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("link", [b"", b"\xde\xad\xbe\xef", b"\0\0\0\x7f", b"\x09\0\0\0"])
def test_exif_without_a_usable_link_survives(link: bytes, big: bool, to: str) -> None:
    data = saved(PICTURE, "JPEG", exif=b"Exif\0\0" + _block(link, big=big))
    image = decode(data, max_pixels=LIMIT)
    assert (image.notes, image.pixels.shape) == ((), (96, 64, 3))
    tags = opened(encode(image, to)).getexif()
    assert (tags[0x10F], tags[0x132], tags.get(0x112, 1)) == ("ACM", "2024:05:06 07:08:09", 1)


def test_exif_that_ends_before_its_link_survives() -> None:
    block = b"II*\0" + struct.pack("<IHHHI4sHHIHH", 8, 2, 0x10F, 2, 4, b"ACM\0", 0x112, 3, 1, 6, 0)
    image = decode(saved(PICTURE, "JPEG", exif=b"Exif\0\0" + block), max_pixels=LIMIT)
    for format in METADATA_FORMATS:
        assert opened(encode(image, format)).getexif()[0x10F] == "ACM"
