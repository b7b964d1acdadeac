"""HEIC, JPEG XL and camera raws: read as the library that wrote them meant them, with their metadata."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from picture_files import XMP, saved, texture
from PIL import ImageCms
from raw_files import write_dng

from deraincli.errors import OutputError, TooLargeError, UnreadableImageError, UsageError
from deraincli.imaging import formats
from deraincli.imaging.decode import decode
from deraincli.imaging.encode import encode
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS, format_named, format_of, recognise, result_suffix
from deraincli.imaging.image import Image
from deraincli.imaging.raw import is_raw
from deraincli.imaging.thumbnail import read_thumbnail

pillow_heif = pytest.importorskip("pillow_heif")
pillow_jxl = pytest.importorskip("pillow_jxl")
pytest.importorskip("pi_heif")
pytest.importorskip("rawpy")

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
"""A profile of another writer than the libraries under test."""


def exif(orientation: int) -> bytes:
    tags = PIL.Image.Exif()
    tags[0x0112], tags[0x010F] = orientation, "Maker"
    return tags.tobytes()


def heic(mode: str, array: np.ndarray, **options: Any) -> bytes:
    """A HEIC without loss, but for the bits beyond its depth."""
    height, width = array.shape[:2]
    file = pillow_heif.from_bytes(mode, (width, height), np.ascontiguousarray(array).tobytes())
    file.info.update({name: options.pop(name) for name in ("icc_profile",) if name in options})
    data = BytesIO()
    file.save(data, quality=-1, chroma=444, matrix_coefficients=0, **options)
    return data.getvalue()


def jxl_encoder(mode: str) -> Any:
    return pillow_jxl.Encoder(
        mode=mode,
        lossless=True,
        quality=100,
        decoding_speed=0,
        effort=3,
        use_container=True,
        use_original_profile=False,
        num_threads=1,
    )


def jxl(mode: str, array: np.ndarray, **metadata: Any) -> bytes:
    height, width = array.shape[:2]
    given = {"exif": None, "xmp": None, "jumb": None, "compress": False, **metadata}
    return jxl_encoder(mode)(np.ascontiguousarray(array).tobytes(), width, height, jpeg_encode=False, **given)


def read(data: bytes) -> Image:
    return decode(data, max_pixels=DEFAULT_MAX_PIXELS)


MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


@pytest.mark.parametrize(
    ("format", "mode"), [("HEIC", "L"), ("HEIC", "RGB"), ("HEIC", "RGBA"), *(("JXL", mode) for mode in MODES)]
)
@pytest.mark.parametrize("size", [(20, 30), (1, 1), (61, 47), (300, 257)])
def test_eight_bits_are_read_exactly(format: str, mode: str, size: tuple[int, int]) -> None:
    array = texture(*size, MODES[mode])
    image = read(heic(mode, array) if format == "HEIC" else jxl(mode, array))
    assert (image.format, image.icc, image.notes, image.pixels.dtype) == (format, None, (), np.uint8)
    whole = image.pixels if image.alpha is None else np.dstack([image.pixels, image.alpha])
    np.testing.assert_array_equal(whole, array)


@pytest.mark.parametrize(("mode", "deep"), [("RGB;16", 3), ("RGBA;16", 4)])
def test_ten_bits_of_a_heic_become_sixteen_over_the_full_range(mode: str, deep: int) -> None:
    levels = np.linspace(0, 1023, 30 * 20 * deep).round().astype(np.uint16).reshape(20, 30, deep)
    image = read(heic(mode, levels << 6))
    whole = image.pixels if image.alpha is None else np.dstack([image.pixels, image.alpha])
    np.testing.assert_array_equal(whole, np.rint(levels / 1023 * 65535))


def test_sixteen_bits_of_a_jxl_stay() -> None:
    grey = texture(20, 30, 1, np.uint16)
    np.testing.assert_array_equal(read(jxl("I;16", grey)).pixels, grey)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heic_is_turned_upright_once(orientation: int) -> None:
    """pillow-heif states the EXIF orientation in the container, which is what counts there."""
    stored = texture(20, 30)
    turned = PIL.Image.fromarray(stored)
    turned.getexif()[0x0112] = orientation
    expected = np.asarray(PIL.ImageOps.exif_transpose(turned))
    packet = XMP.replace(b'"6"', b'"%d"' % orientation)
    image = read(heic("RGB", stored, exif=exif(orientation), xmp=packet))
    np.testing.assert_array_equal(image.pixels, expected)
    tags = PIL.Image.Exif()
    tags.load(image.exif)
    assert (tags[0x0112], tags[0x010F]) == (1, "Maker")
    assert b'Orientation="1"' in image.xmp


@pytest.mark.parametrize("make", [heic, jxl])
def test_metadata_is_kept_in_every_format_that_holds_it(make: Any) -> None:
    image = read(make("RGB", texture(20, 30), exif=exif(1), xmp=XMP))
    assert b"caf\xc3\xa9" in image.xmp
    for format in ("JPEG", "PNG", "TIFF", "WEBP", "JXL"):
        again = read(encode(image, format, quality=100))
        tags = PIL.Image.Exif()
        tags.load(again.exif)
        assert tags[0x010F] == "Maker"
        assert again.xmp == image.xmp


def test_the_profile_of_a_heic_is_kept() -> None:
    image = read(heic("RGB", texture(20, 30), icc_profile=PROFILE))
    assert image.icc == PROFILE
    assert read(encode(image, "PNG")).icc == PROFILE


def test_a_jxl_made_from_a_jpeg_is_that_jpeg() -> None:
    jpeg = saved(PIL.Image.fromarray(texture(20, 30)), "JPEG", exif=exif(6), icc_profile=PROFILE)
    image, alone = read(jxl_encoder("RGB")(jpeg, 30, 20, jpeg_encode=True)), read(jpeg)
    np.testing.assert_array_equal(image.pixels, alone.pixels)
    assert (image.format, image.exif, image.icc) == ("JXL", alone.exif, PROFILE)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_jxl_is_written_without_loss_at_quality_100(channels: int) -> None:
    array = texture(20, 30, channels)
    colours = 1 if channels < 3 else 3
    image = Image(array[..., :colours].copy(), "PNG", array[..., -1].copy() if channels > colours else None)
    again = read(encode(image, "JXL", quality=100))
    np.testing.assert_array_equal(again.pixels, image.pixels)
    assert (again.alpha is None) == (image.alpha is None)
    if again.alpha is not None:
        np.testing.assert_array_equal(again.alpha, image.alpha)
    smooth = np.indices((60, 90, 3)).sum(0).astype(np.uint8)
    close = read(encode(Image(smooth, "PNG"), "JXL")).pixels.astype(int)
    assert np.abs(close - smooth).mean() < 2


def colour_bars() -> np.ndarray:
    """Linear light, H×W×3 in 0–1: bars of grey, red, green and blue."""
    bars = np.array([[1, 1, 1], [0.5, 0.5, 0.5], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    return np.broadcast_to(np.repeat(bars, 40, axis=0), (60, 200, 3))


def test_a_raw_is_developed_by_the_white_balance_of_the_camera() -> None:
    """Whatever the gains of the sensor are, grey comes out grey, and white as white."""
    for neutral in ((1.0, 1.0, 1.0), (0.4, 1.0, 0.6)):
        image = read(write_dng(colour_bars(), neutral))
        assert (image.pixels.shape, image.pixels.dtype, image.format) == ((60, 200, 3), np.uint16, "RAW")
        grey = image.pixels[20:40, 50:70].reshape(-1, 3).astype(float).mean(0)
        assert np.ptp(grey) < 0.02 * grey.mean()
        for channel in range(3):
            assert image.pixels[30, 100 + 40 * channel].argmax() == channel
        white = image.pixels[20:40, 10:30].mean()
        # sRGB of half the light of white
        assert grey.mean() / white == pytest.approx(1.055 * 0.5 ** (1 / 2.4) - 0.055, abs=0.02)


def test_a_raw_is_turned_upright_and_keeps_its_exif() -> None:
    image = read(write_dng(colour_bars(), orientation=6))
    assert image.pixels.shape == (200, 60, 3)
    tags = PIL.Image.Exif()
    tags.load(image.exif)
    assert (tags.get(0x0112, 1), tags[0x010F], image.notes) == (1, "Maker", ())


@pytest.mark.parametrize("name", ["a.dng", "a.DNG", "a.tif", "-"])
@pytest.mark.parametrize("preview", [False, True])
def test_a_dng_is_a_raw_by_any_name(tmp_path: Path, name: str, preview: bool) -> None:
    """Taken for a TIFF, it would be its preview, or nothing."""
    (tmp_path / name).write_bytes(write_dng(colour_bars(), preview=preview))
    image = decode(tmp_path / name, max_pixels=DEFAULT_MAX_PIXELS)
    assert (image.format, image.pixels.shape) == ("RAW", (60, 200, 3))
    np.testing.assert_array_equal(image.pixels, read(write_dng(colour_bars())).pixels)


@pytest.mark.parametrize("preview", [False, True])
def test_a_raw_without_a_name_is_known_by_its_sensor(preview: bool) -> None:
    """As standard input and uploads have it. A TIFF of the same pixels stays a TIFF."""
    assert is_raw(write_dng(colour_bars(), preview=preview, version=False))
    for format in ("TIFF", "PNG"):
        assert not is_raw(saved(PIL.Image.fromarray(texture(20, 30)), format))
    assert not is_raw(write_dng(colour_bars())[:30])


FILES = {
    "a.heic": lambda: heic("RGB", texture(20, 30)),
    "a.jxl": lambda: jxl("RGB", texture(20, 30)),
    "a.dng": lambda: write_dng(colour_bars()),
}


@pytest.mark.parametrize("name", FILES)
def test_too_many_pixels_are_refused(name: str) -> None:
    with pytest.raises(TooLargeError, match="--max-pixels"):
        decode(FILES[name](), max_pixels=500)


@pytest.mark.parametrize("name", FILES)
def test_damage_is_one_sentence(tmp_path: Path, name: str) -> None:
    data = FILES[name]()
    for length in (40, len(data) // 3, len(data) // 2, len(data) - 1):
        (tmp_path / name).write_bytes(data[:length])
        with pytest.raises(UnreadableImageError, match=name):
            decode(tmp_path / name, max_pixels=DEFAULT_MAX_PIXELS)


def test_a_heic_whose_names_are_no_unicode_is_refused() -> None:
    """pi-heif 1.4 ends the whole process on it."""
    data = heic("RGB", texture(20, 30), xmp=XMP)
    assert b"application/rdf+xml\0" in data
    with pytest.raises(UnreadableImageError, match="utf-8"):
        read(data.replace(b"application/rdf+xml", b"application/rdf\xffxml"))


@pytest.mark.parametrize("name", FILES)
def test_small_versions_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name]())
    assert max(read_thumbnail(tmp_path / name, 10, max_pixels=DEFAULT_MAX_PIXELS).shape) == 10


@pytest.mark.parametrize(("name", "extra"), [("a.heic", "heif"), ("a.jxl", "jxl"), ("a.dng", "raw")])
def test_a_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, extra: str
) -> None:
    (tmp_path / name).write_bytes(FILES[name]())
    (tmp_path / "a.tif").write_bytes(FILES[name]())
    monkeypatch.setattr(formats, "find_spec", lambda library: None)
    formats.available.cache_clear()
    try:
        for file in (tmp_path / name, tmp_path / "a.tif"):
            with pytest.raises(
                UnreadableImageError, match=rf"the extra '{extra}': pip install .*\[{extra}\]"
            ):
                decode(file, max_pixels=DEFAULT_MAX_PIXELS)
        with pytest.raises(UsageError, match=r"\[jxl\]"):
            format_of(Path("a.jxl"))
        with pytest.raises(UsageError, match=r"\[jxl\]"):
            format_named("jxl")
    finally:
        formats.available.cache_clear()


def test_what_cannot_be_written_gets_another_suffix() -> None:
    for suffix in (".heic", ".dng", ".CR2"):
        with pytest.raises(UsageError, match="that can be written here"):
            format_of(Path(f"a{suffix}"))
    assert [result_suffix(suffix) for suffix in (".HEIC", ".nef", ".jxl", ".JPG", ".x")] == [
        *(".jpg", ".tif", ".jxl", ".JPG", ".x")
    ]
    with pytest.raises(OutputError, match="at most 262144"):
        encode(Image(np.zeros((1, 262_145, 1), np.uint8), "PNG"), "JXL")


@pytest.mark.parametrize(
    ("head", "format"),
    [
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isomheic", None),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "RAW"),
        (b"II*\0\x10\0\0\0CR\x02\0", "RAW"),
        (b"FUJIFILMCCD-RAW 0201", "RAW"),
    ],
)
def test_formats_are_known_by_their_first_bytes(head: bytes, format: str | None) -> None:
    assert recognise(head) == format
