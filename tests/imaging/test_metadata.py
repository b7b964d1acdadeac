"""What a file says about its picture is kept and made true, or its loss is said."""

from __future__ import annotations

import struct

import numpy as np
import PIL.Image
import pytest
from picture_files import opened, saved, texture, tiff
from PIL.PngImagePlugin import PngInfo

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


@pytest.mark.parametrize("tags", [{}, {0x11A: 300.0}], ids=["none", "one"])
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_no_print_resolution_is_invented(source: str, tags: dict[int, float]) -> None:
    exif = PIL.Image.Exif()
    exif.update(tags)
    image = decode(saved(PICTURE, source, exif=exif.tobytes()), max_pixels=LIMIT)
    assert image.resolution is None
    for to in ("PNG", "TIFF", "WEBP"):
        result = decode(encode(image, to), max_pixels=LIMIT)
        assert (result.resolution, result.notes) == (None, ())


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


@pytest.mark.skipif(not avif_supported(), reason="Pillow without AVIF")
def test_colours_of_an_avif_by_code_points_are_kept_or_their_loss_is_said() -> None:
    display_p3 = saved(PICTURE, "AVIF").replace(b"colrnclx\0\x01", b"colrnclx\0\x0c")
    image = decode(display_p3, max_pixels=LIMIT)
    assert b"colrnclx\0\x0c\0\x0d" in encode(image, "AVIF")
    assert b"cICP\x0c\x0d\0\x01" in encode(image, "PNG")
    assert b"colrnclx\0\x0c" in encode(decode(encode(image, "PNG"), max_pixels=LIMIT), "AVIF")
    for format in ("JPEG", "WEBP", "TIFF", "BMP"):
        assert "compare the colours" in fit_to_format(image, format).notes[0]
    plain = decode(saved(PICTURE, "AVIF"), max_pixels=LIMIT)
    assert fit_to_format(plain, "JPEG").notes == () == plain.png_chunks


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _with_xmp(properties: bytes, *more: bytes) -> bytes:
    """A JPEG whose packet has these attributes, and more segments."""
    start = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description dc:title="Mine" '
    data = saved(PICTURE, "JPEG", xmp=start + properties + b"/></rdf:RDF></x:xmpmeta>")
    return data[:2] + b"".join(more) + data[2:]


CAMERA = b'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MicroVideoOffset="20012"'
GAIN_MAP = b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
VIDEO = b"\0\0\0\x18ftypmp42" + bytes(2000)


@pytest.mark.parametrize(
    ("properties", "behind"),
    [(CAMERA, VIDEO), (GAIN_MAP, saved(PICTURE, "JPEG")), (CAMERA, b""), (b"", saved(PICTURE, "JPEG"))],
)
def test_content_behind_the_picture_is_said_and_no_longer_claimed(properties: bytes, behind: bytes) -> None:
    image = decode(_with_xmp(properties) + behind, max_pixels=LIMIT)
    assert image.xmp is not None and b'dc:title="Mine"' in image.xmp
    assert b"MicroVideoOffset" not in image.xmp and b"hdrgm:Version" not in image.xmp
    assert len(image.left_out) == 1 and "beside the picture" in image.left_out[0]


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_content_behind_other_formats_is_said(format: str) -> None:
    data = saved(PICTURE, format)
    assert decode(data + bytes(9), max_pixels=LIMIT).left_out == ()
    assert "beside the picture" in decode(data + VIDEO, max_pixels=LIMIT).left_out[0]


def test_loss_of_extended_xmp_is_said_and_no_longer_claimed() -> None:
    name = b"0123456789ABCDEF0123456789ABCDEF"
    part = b"http://ns.adobe.com/xmp/extension/\0" + name + struct.pack(">II", 9000, 0) + b"y" * 9000
    note = b'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="' + name + b'"'
    image = decode(_with_xmp(note, _segment(0xE1, part)), max_pixels=LIMIT)
    assert image.xmp is not None and b"HasExtendedXMP" not in image.xmp
    assert image.left_out == ("Of the descriptions only EXIF and XMP are kept; left out: extended XMP.",)


def test_loss_of_captions_and_comments_is_said() -> None:
    caption = b"8BIM\x04\x04\0\0" + struct.pack(">I", 4) + b"\x1c\x02\x78\0"
    iptc, comment = _segment(0xED, b"Photoshop 3.0\0" + caption), _segment(0xFE, b"mine")
    text = PngInfo()
    text.add_text("Title", "Mine")
    text.add_itxt("Author", "J\u00f6rg", zip=True)
    tag = (33723, 7, 4, b"\x1c\x02\x78\0", True)
    for data, kinds in (
        (_with_xmp(b"", iptc, comment), "IPTC, comment"),
        (saved(PICTURE, "PNG", pnginfo=text), "text 'Title', text 'Author'"),
        (tiff(np.asarray(PICTURE), photometric="rgb", extratags=[tag]), "IPTC"),
    ):
        (note,) = decode(data, max_pixels=LIMIT).left_out
        assert note.endswith(f"left out: {kinds}.")
    assert decode(saved(PICTURE, "PNG"), max_pixels=LIMIT).left_out == ()


@pytest.mark.parametrize("format", METADATA_FORMATS)
def test_an_orientation_that_is_stated_twice_is_applied_once(format: str) -> None:
    """Some writers add a second entry, and readers differ in which one they believe."""
    entries = b"".join(struct.pack("<HHIHxx", 0x112, 3, 1, value) for value in (6, 6))
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4)
    image = decode(saved(PICTURE, "JPEG", exif=block), max_pixels=LIMIT)
    assert image.pixels.shape[:2] == (96, 64)
    assert decode(encode(image, format), max_pixels=LIMIT).pixels.shape[:2] == (96, 64)


def test_a_thumbnail_that_lies_over_the_directory_leaves_it_readable() -> None:
    first = struct.pack("<HHHIHxx", 1, 0x112, 3, 1, 6) + struct.pack("<I", 26)
    second = struct.pack("<HHHIIHHII", 2, 0x201, 4, 1, 0, 0x202, 4, 1, 20) + bytes(4)
    block = b"Exif\0\0II*\0" + struct.pack("<I", 8) + first + second
    image = decode(saved(PICTURE, "JPEG", exif=block), max_pixels=LIMIT)
    assert opened(encode(image, "PNG")).getexif()[0x112] == 1


@pytest.mark.parametrize("format", ["TIFF", "AVIF"])
def test_letters_beyond_ascii_stay_as_they_are(format: str) -> None:
    """EXIF knows ASCII only, but cameras and editors write UTF-8."""
    if format not in METADATA_FORMATS:
        pytest.skip("Pillow without AVIF")
    name = "Jørgen".encode().ljust(8, b"\0")
    directory = struct.pack("<HHHII", 1, 0x13B, 2, len(name), 26) + bytes(4)
    block = b"Exif\0\0II*\0" + struct.pack("<I", 8) + directory + name
    image = decode(saved(PICTURE, "JPEG", exif=block), max_pixels=LIMIT)
    written = opened(encode(image, format)).getexif()[0x13B]
    assert written.rstrip("\0").encode("latin-1") == "Jørgen".encode()


def test_a_resolution_beyond_what_bmp_can_say_is_the_largest_it_can() -> None:
    image = decode(saved(PICTURE, "TIFF", dpi=(4e9, 300)), max_pixels=LIMIT)
    assert opened(encode(image, "BMP")).info["dpi"][1] == pytest.approx(300, abs=0.1)
