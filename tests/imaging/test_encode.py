"""Encoding: what other programs read is what was in memory, with all that belongs to it."""

from __future__ import annotations

import struct
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
from picture_files import (
    LINEAR_GREY,
    LINEAR_RGB,
    MAKER_NOTE,
    THUMBNAIL,
    XMP,
    by_opencv,
    chunk,
    exif,
    opened,
    saved,
    texture,
    tiff,
)
from PIL import ImageCms
from skimage.data import astronaut
from skimage.metrics import peak_signal_noise_ratio

from deraincli.errors import OutputError, UsageError
from deraincli.imaging.colour import to_8_bit
from deraincli.imaging.decode import decode
from deraincli.imaging.encode import encode, fit_to_format
from deraincli.imaging.formats import LOSSLESS, WRITTEN, available, avif_supported, format_of
from deraincli.imaging.image import Image

LIMIT = 10**6
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
METADATA_FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", *(["AVIF"] if avif_supported() else [])]


def picture(colours: int = 3, alpha: bool = False, dtype: type = np.uint8) -> Image:
    stored = texture(37, 53, colours + alpha, dtype)
    return Image(
        pixels=np.ascontiguousarray(stored[..., :colours]),
        alpha=np.ascontiguousarray(stored[..., -1]) if alpha else None,
        format="PNG",
    )


def described() -> Image:
    """As decoded from a phone: upright EXIF and XMP, a profile."""
    data = saved(
        PIL.Image.fromarray(texture(16, 24)), "JPEG", exif=b"Exif\0\0" + exif(6), xmp=XMP, icc_profile=SRGB
    )
    return decode(data, max_pixels=LIMIT)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize(
    ("format", "dtype"),
    [("PNG", np.uint8), ("PNG", np.uint16), ("TIFF", np.uint8), ("TIFF", np.uint16), ("BMP", np.uint8)],
)
def test_lossless_formats_give_back_every_sample(format: str, dtype: type, colours: int, alpha: bool) -> None:
    if format == "BMP" and alpha:
        pytest.skip("BMP has no alpha")
    image = picture(colours, alpha, dtype)
    data = encode(image, format)
    stored = image.pixels if image.alpha is None else np.dstack((image.pixels, image.alpha))
    if (format, colours, alpha, dtype) == ("TIFF", 1, True, np.uint16):
        stored = stored[..., [0, 0, 0, 1]]  # neither Pillow nor OpenCV reads grey with alpha
    if format == "TIFF":
        np.testing.assert_array_equal(tifffile.imread(BytesIO(data)), stored.squeeze())
    elif not (colours == 1 and alpha):
        np.testing.assert_array_equal(by_opencv(data), stored.squeeze())
    again = decode(data, max_pixels=LIMIT)
    np.testing.assert_array_equal(again.pixels, stored[..., : again.pixels.shape[2]])
    if alpha:
        np.testing.assert_array_equal(again.alpha, image.alpha)
    assert again.pixels.dtype == dtype


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_pictures_of_several_bands_and_of_one_pixel(format: str, dtype: type) -> None:
    for height, width in ((2100, 1009), (1, 1), (1, 5), (5, 1)):
        pixels = np.resize(texture(50, 41, 3, dtype), (height, width, 3))
        data = encode(replace(picture(), pixels=pixels), format)
        np.testing.assert_array_equal(by_opencv(data), pixels)
        np.testing.assert_array_equal(decode(data, max_pixels=10**7).pixels, pixels)


@pytest.mark.parametrize("alpha", [False, True])
def test_webp_of_quality_100_is_lossless(alpha: bool) -> None:
    image = picture(3, alpha)
    again = decode(encode(image, "WEBP", quality=100), max_pixels=LIMIT)
    np.testing.assert_array_equal(again.pixels, image.pixels)
    np.testing.assert_array_equal(again.alpha, image.alpha)


@pytest.mark.parametrize("alpha", [False, True])
def test_a_lossless_webp_stays_lossless_unless_a_quality_is_given(alpha: bool) -> None:
    """With and without alpha, which the extended container holds."""
    image = picture(3, alpha)
    read = decode(encode(image, "WEBP", quality=100), max_pixels=LIMIT)
    assert b"VP8L" in encode(read, "WEBP")
    np.testing.assert_array_equal(decode(encode(read, "WEBP"), max_pixels=LIMIT).pixels, image.pixels)
    for lossy in (encode(read, "WEBP", quality=95), encode(image, "WEBP")):
        assert b"VP8 " in lossy
        assert b"VP8 " in encode(decode(lossy, max_pixels=LIMIT), "WEBP")


@pytest.mark.parametrize("format", ["WEBP", "AVIF"])
def test_alpha_is_exact_beside_lossy_colours(format: str) -> None:
    if format == "AVIF" and not avif_supported():
        pytest.skip("Pillow without AVIF")
    image = picture(3, alpha=True)
    again = decode(encode(image, format), max_pixels=LIMIT)
    np.testing.assert_array_equal(again.alpha, image.alpha)


@pytest.mark.parametrize(("format", "decibels"), [("JPEG", 40), ("WEBP", 38), ("AVIF", 40)])
def test_default_quality_is_high(format: str, decibels: float) -> None:
    if format == "AVIF" and not avif_supported():
        pytest.skip("Pillow without AVIF")
    image = replace(picture(), pixels=astronaut())
    data = encode(image, format)
    assert peak_signal_noise_ratio(astronaut(), np.asarray(opened(data))) > decibels
    assert len(data) < astronaut().nbytes / 4
    smaller = encode(image, format, quality=50)
    assert len(smaller) < len(data) / 2


@pytest.mark.parametrize("format", WRITTEN)
def test_the_quality_has_an_effect_unless_the_format_is_lossless(format: str) -> None:
    if not available(format):
        pytest.skip(f"{format} cannot be written here")
    small, large = (encode(picture(), format, quality=quality) for quality in (10, 90))
    assert (small == large) == (format in LOSSLESS)


def test_jpeg_keeps_full_colour_resolution() -> None:
    assert opened(encode(picture(), "JPEG")).layer[0][1:3] == (1, 1)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "BMP"])
def test_grey_stays_grey(format: str) -> None:
    data = encode(picture(1), format)
    assert opened(data).mode == "L"
    assert decode(data, max_pixels=LIMIT).pixels.shape == (37, 53, 1)


@pytest.mark.parametrize("format", METADATA_FORMATS)
def test_metadata_is_kept(format: str) -> None:
    image = described()
    data = encode(image, format)
    read = opened(data)
    assert read.info["icc_profile"] == SRGB
    assert read.info["xmp"] == XMP.replace(b'Orientation="6"', b'Orientation="1"')
    tags = read.getexif()
    assert tags[0x010F] == "Acme Co"
    assert tags.get(0x0112, 1) == 1
    assert tags.get_ifd(0x8769)[0x927C] == MAKER_NOTE
    assert THUMBNAIL not in data
    if format not in ("TIFF", "AVIF"):  # these store it in another arrangement
        assert image.exif is not None and image.exif in data
    again = decode(data, max_pixels=LIMIT)
    assert again.pixels.shape == image.pixels.shape
    assert (again.icc, again.xmp) == (image.icc, image.xmp)
    assert again.notes == ()


@pytest.mark.parametrize("format", METADATA_FORMATS)
def test_stripped_metadata_leaves_the_profile(format: str) -> None:
    data = encode(described(), format, keep_metadata=False)
    again = decode(data, max_pixels=LIMIT)
    assert again.icc == SRGB
    assert again.xmp is None
    assert b"Acme" not in data and MAKER_NOTE not in data


@pytest.mark.parametrize("format", METADATA_FORMATS)
def test_tags_of_a_tiff_become_exif(format: str) -> None:
    tags = PIL.Image.Exif()
    tags[0x010F], tags[0x8298], tags[0x0112] = "Acme Co", "someone", 3
    tags[0x8769], tags[0x8825] = {0x829A: 0.008}, {1: "N"}
    data = saved(PIL.Image.fromarray(texture(16, 24)), "TIFF", exif=tags.tobytes())
    image = decode(data, max_pixels=LIMIT)
    read = opened(encode(image, format)).getexif()
    assert (read[0x010F], read[0x8298], read.get(0x0112, 1)) == ("Acme Co", "someone", 1)
    assert float(read.get_ifd(0x8769)[0x829A]) == pytest.approx(0.008)
    assert read.get_ifd(0x8825)[1] == "N"


def test_metadata_of_16_bit_is_kept() -> None:
    deep = texture(12, 10, 3, np.uint16)
    image = replace(described(), pixels=deep)
    for format in ("PNG", "TIFF"):
        again = decode(encode(image, format), max_pixels=LIMIT)
        np.testing.assert_array_equal(again.pixels, deep)
        assert (again.icc, again.xmp) == (SRGB, image.xmp)
        assert again.exif is not None and MAKER_NOTE in again.exif


def test_png_keeps_its_gamma_and_resolution() -> None:
    chunks = (chunk(b"gAMA", struct.pack(">I", 100_000)), chunk(b"pHYs", struct.pack(">IIB", 3937, 3937, 1)))
    data = saved(PIL.Image.fromarray(texture(8, 8)), "PNG")
    data = data[:33] + b"".join(chunks) + data[33:]
    read = opened(encode(decode(data, max_pixels=LIMIT), "PNG"))
    assert read.info["gamma"] == 1.0
    assert read.info["dpi"] == pytest.approx((100, 100), abs=0.01)


@pytest.mark.parametrize(("gamma", "notes"), [(100_000, 1), (45_455, 0)])
def test_gamma_of_a_png_that_gets_lost_is_noted(gamma: int, notes: int) -> None:
    image = replace(picture(), png_chunks=((b"gAMA", struct.pack(">I", gamma)),))
    assert len(fit_to_format(image, "JPEG").notes) == notes
    assert fit_to_format(image, "PNG") is image


def test_rounding_to_8_bits_is_to_the_nearest() -> None:
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_array_equal(to_8_bit(every), np.rint(every / 257).astype(np.uint8))


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "BMP"])
def test_16_bits_are_rounded_with_a_note(format: str) -> None:
    image = fit_to_format(picture(dtype=np.uint16), format)
    assert "16 bits" in image.notes[0]
    np.testing.assert_array_equal(image.pixels, np.rint(picture(dtype=np.uint16).pixels / 257))
    assert fit_to_format(image, format) is image
    assert encode(image, format) == encode(picture(dtype=np.uint16), format)


@pytest.mark.parametrize("format", ["JPEG", "BMP"])
def test_transparency_is_refused_where_it_has_no_place(format: str) -> None:
    image = picture(3, alpha=True)
    with pytest.raises(OutputError, match=r"\.png or \.webp"):
        encode(image, format)
    opaque = replace(image, alpha=np.full_like(image.alpha, 255))
    assert decode(encode(opaque, format), max_pixels=LIMIT).alpha is None


@pytest.mark.parametrize(("format", "side"), [("JPEG", 65_500), ("WEBP", 16_383)])
def test_longest_side_of_a_format(format: str, side: int) -> None:
    fits = replace(picture(), pixels=np.zeros((1, side, 3), np.uint8))
    assert opened(encode(fits, format)).size == (side, 1)
    longer = replace(picture(), pixels=np.zeros((side + 1, 1, 3), np.uint8))
    with pytest.raises(OutputError, match=f"at most {side} pixels"):
        encode(longer, format)


def test_metadata_too_long_for_jpeg_is_left_out_with_a_note() -> None:
    image = replace(described(), exif=described().exif + bytes(70_000), xmp=XMP + b" " * 70_000)
    adapted = fit_to_format(image, "JPEG")
    assert [note.split()[1] for note in adapted.notes] == ["EXIF", "XMP"]
    assert opened(encode(image, "JPEG")).info.keys().isdisjoint({"exif", "xmp"})
    assert fit_to_format(image, "PNG").exif == image.exif


def _srgb_of_linear(values: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    linear = values / 255
    return 255 * np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055
    )


@pytest.mark.parametrize(
    ("format", "colours", "profile"),
    [("BMP", 3, LINEAR_RGB), ("BMP", 1, LINEAR_GREY), ("WEBP", 1, LINEAR_GREY)],
)
def test_colours_become_srgb_where_their_profile_has_no_place(
    format: str, colours: int, profile: bytes
) -> None:
    image = replace(picture(colours), icc=profile)
    adapted = fit_to_format(image, format)
    assert adapted.icc is None
    assert adapted.pixels.shape == image.pixels.shape
    assert "sRGB" in adapted.notes[0]
    assert np.abs(adapted.pixels - _srgb_of_linear(image.pixels)).max() <= 2
    assert fit_to_format(replace(image, icc=b"damaged"), "BMP").icc is None


@pytest.mark.parametrize("format", METADATA_FORMATS)
def test_damaged_exif_is_copied_or_left_out_with_a_note(format: str) -> None:
    """A resolution in letters: its bytes can be copied, but not be arranged anew."""
    block = b"II*\0" + struct.pack("<IHHHI4sI", 8, 1, 0x011A, 2, 4, b"abc\0", 0)
    adapted = fit_to_format(replace(picture(), exif=block), format)
    data = encode(adapted, format)
    np.testing.assert_array_equal(opened(data).size, (53, 37))
    if format in ("TIFF", "AVIF"):
        assert (adapted.exif, len(adapted.notes)) == (None, 1)
    else:
        assert block in data


def test_quality_out_of_range() -> None:
    for quality in (0, 101, -3):
        with pytest.raises(UsageError, match="between 1 and 100"):
            encode(picture(), "JPEG", quality=quality)


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.jpg", "JPEG"),
        ("a.JPEG", "JPEG"),
        ("b.c.Png", "PNG"),
        ("a.tif", "TIFF"),
        ("a.webp", "WEBP"),
        ("a.bmp", "BMP"),
    ],
)
def test_format_of_a_name(name: str, format: str) -> None:
    assert format_of(Path(name)) == format


@pytest.mark.parametrize("name", ["a", "a.gif", "png", ".png", "a.jpg.txt"])
def test_name_of_no_known_format(name: str) -> None:
    with pytest.raises(UsageError, match=r"\.jpg"):
        format_of(Path(name))


def test_premultiplied_source_is_saved_straight() -> None:
    stored = np.full((4, 4, 4), 20_000, np.uint16)
    stored[..., 3] = 40_000
    image = decode(tiff(stored, photometric="rgb", extrasamples=["assocalpha"]), max_pixels=LIMIT)
    page = tifffile.TiffFile(BytesIO(encode(image, "TIFF"))).pages[0]
    assert page.extrasamples == (tifffile.EXTRASAMPLE.UNASSALPHA,)
    np.testing.assert_array_equal(page.asarray()[..., :3], 32_768)  # 20000 · 65535 / 40000, rounded
