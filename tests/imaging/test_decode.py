"""Decoding: the right samples, at full depth, upright, in the right colours."""

from __future__ import annotations

import struct
import tracemalloc
from io import BytesIO

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
from picture_files import (
    MAKER_NOTE,
    THUMBNAIL,
    XMP,
    by_opencv,
    chunk,
    deep_png,
    exif,
    raw_png,
    saved,
    swapped_ink_profile,
    texture,
    tiff,
)

from deraincli.errors import UnreadableImageError
from deraincli.imaging.decode import decode
from deraincli.imaging.encode import encode
from deraincli.imaging.formats import avif_supported
from deraincli.imaging.image import Image

LIMIT = 10**6


def whole(image: Image) -> np.ndarray:
    """Colours and alpha side by side."""
    return image.pixels if image.alpha is None else np.dstack((image.pixels, image.alpha))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
        ("WEBP", {"lossless": True, "exact": True}),
    ],
)
def test_8_bit_samples_are_exact(mode: str, format: str, options: dict) -> None:
    if format == "BMP" and "A" in mode:
        pytest.skip("Pillow writes no alpha to BMP")
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    stored = texture(37, 53, channels)
    picture = PIL.Image.fromarray(stored.squeeze(), mode=None)
    assert picture.mode == mode
    image = decode(saved(picture, format, **options), max_pixels=LIMIT)
    if format == "WEBP" and mode in ("L", "LA"):  # WebP knows no grey
        stored = stored[..., [0, 0, 0, 1][: channels + 2]]
    np.testing.assert_array_equal(whole(image), stored)
    assert image.pixels.dtype == np.uint8
    assert image.format == format


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_png_keeps_every_bit(channels: int) -> None:
    stored = texture(37, 53, channels, np.uint16)
    image = decode(deep_png(stored), max_pixels=LIMIT)
    np.testing.assert_array_equal(whole(image), stored)
    assert image.pixels.dtype == np.uint16


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_png_in_one_large_chunk_is_read_to_its_last_line(dtype: type) -> None:
    """Noise cannot be compressed, so the chunk is as large as the picture and is checked in steps."""
    stored = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (700, 650, 3), dtype, endpoint=True)
    lines = [line.astype(f">u{stored.itemsize}").tobytes() for line in stored]
    data = raw_png(650, 700, 8 * stored.itemsize, 2, lines)
    np.testing.assert_array_equal(decode(data, max_pixels=LIMIT).pixels, stored)
    with pytest.raises(UnreadableImageError, match="fewer lines"):
        decode(raw_png(650, 700, 8 * stored.itemsize, 2, lines[:-1]), max_pixels=LIMIT)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("colour_type", [0, 2, 4, 6])
def test_metadata_of_16_bit_png_is_that_of_8_bit(colour_type: int, after: bool) -> None:
    """The samples of 16 bits are read apart from the metadata, which may stand before or after them."""
    samples = {0: 1, 2: 3, 4: 2, 6: 4}[colour_type]
    extra = [
        chunk(b"eXIf", exif(6)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        chunk(b"tEXt", b"Comment\0by the sea"),
        chunk(b"pHYs", struct.pack(">IIB", 3000, 4000, 1)),
    ]
    shallow, deep = (
        raw_png(5, 7, bits, colour_type, [bytes(5 * samples * bits // 8)] * 7, *extra) for bits in (8, 16)
    )
    if after:
        shallow, deep = (_with_metadata_last(data, extra) for data in (shallow, deep))
    images = [decode(data, max_pixels=LIMIT) for data in (shallow, deep)]
    for name in ("exif", "xmp", "left_out", "resolution", "png_chunks"):
        first, second = (getattr(image, name) for image in images)
        assert first == second, name
        assert first or name == "png_chunks"
    assert images[1].pixels.shape[:2] == (5, 7)
    assert images[1].pixels.dtype == np.uint16


def _with_metadata_last(data: bytes, extra: list[bytes]) -> bytes:
    end = chunk(b"IEND", b"")
    for piece in extra:
        data = data.replace(piece, b"")
    return data.removesuffix(end) + b"".join(extra) + end


def test_16_bit_png_is_unpacked_into_one_copy() -> None:
    """Its samples are in memory twice: as they are stored, and as the picture."""
    side = 2048
    data = raw_png(side, side, 16, 2, [bytes(6 * side)] * side)
    decode(data, max_pixels=5 * LIMIT)
    tracemalloc.start()
    try:
        size = decode(data, max_pixels=5 * LIMIT).pixels.nbytes
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == 6 * side * side
    assert peak < 2.5 * size


def test_16_bit_grey_with_alpha_stays_grey() -> None:
    stored = texture(7, 5, 2, np.uint16)
    data = raw_png(5, 7, 16, 4, [line.astype(">u2").tobytes() for line in stored])
    np.testing.assert_array_equal(whole(decode(data, max_pixels=LIMIT)), stored)


@pytest.mark.parametrize("layout", [{}, {"tile": (16, 16)}, {"rowsperstrip": 5}, {"bigtiff": True}])
@pytest.mark.parametrize("packing", [{}, {"compression": "zlib"}, {"compression": "zlib", "predictor": True}])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_tiff_keeps_every_bit(channels: int, order: str, packing: dict, layout: dict) -> None:
    stored = texture(37, 53, channels, np.uint16)
    kind = {"photometric": "minisblack" if channels == 1 else "rgb"}
    if channels == 4:
        kind["extrasamples"] = ["unassalpha"]
    data = tiff(stored.squeeze(), byteorder=order, **kind, **packing, **layout)
    image = decode(data, max_pixels=LIMIT)
    np.testing.assert_array_equal(whole(image), stored)
    assert image.pixels.dtype == np.uint16


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_whose_white_is_zero(dtype: type) -> None:
    stored = texture(9, 11, 1, dtype)
    image = decode(tiff(stored[..., 0], photometric="miniswhite"), max_pixels=LIMIT)
    np.testing.assert_array_equal(image.pixels, np.iinfo(dtype).max - stored)


def test_premultiplied_16_bit_tiff_becomes_straight() -> None:
    rng = np.random.default_rng(0)
    alpha = rng.integers(0, 65536, (20, 30), np.uint16)
    alpha[0] = 0
    colours = rng.integers(0, 65536, (20, 30, 3), np.uint16)
    multiplied = np.rint(colours * (alpha[..., None] / 65535)).astype(np.uint16)
    data = tiff(np.dstack((multiplied, alpha)), photometric="rgb", extrasamples=["assocalpha"])
    image = decode(data, max_pixels=LIMIT)
    np.testing.assert_array_equal(image.alpha, alpha)
    again = image.pixels * (alpha[..., None] / 65535)
    assert np.abs(again - multiplied).max() <= 0.5


@pytest.mark.parametrize("transparency", [None, 7, bytes(range(256))])
def test_palette_becomes_rgb_with_its_transparency(transparency: int | bytes | None) -> None:
    picture = PIL.Image.fromarray(texture(40, 50)).quantize(256)
    options = {} if transparency is None else {"transparency": transparency}
    data = saved(picture, "PNG", **options)
    expected = by_opencv(data)
    np.testing.assert_array_equal(whole(decode(data, max_pixels=LIMIT)), expected)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_transparent_grey_of_png_becomes_alpha(bits: int) -> None:
    top = 2**bits - 1
    values = sorted({0, 1, top // 2, top})
    packed = "".join(f"{value:0{bits}b}" for value in values)
    line = int(packed.ljust(-(-len(packed) // 8) * 8, "0"), 2).to_bytes(-(-len(packed) // 8), "big")
    data = raw_png(len(values), 1, bits, 0, [line], chunk(b"tRNS", struct.pack(">H", values[1])))
    image = decode(data, max_pixels=LIMIT)
    full = 65535 if bits == 16 else 255
    assert image.pixels.ravel().tolist() == [value * full // top for value in values]
    assert image.alpha is not None
    assert image.alpha.ravel().tolist() == [0 if value == values[1] else full for value in values]


@pytest.mark.parametrize("bits", [8, 16])
def test_transparent_colour_of_png_becomes_alpha(bits: int) -> None:
    stored = np.array([[[1, 2, 3], [1, 2, 4], [3, 2, 1]]], f">u{bits // 8}")
    data = raw_png(3, 1, bits, 2, [stored.tobytes()], chunk(b"tRNS", struct.pack(">3H", 1, 2, 3)))
    image = decode(data, max_pixels=LIMIT)
    np.testing.assert_array_equal(image.pixels, stored)
    assert image.alpha is not None
    assert image.alpha.tolist() == [[0, 2**bits - 1, 2**bits - 1]]


def test_bilevel_tiff_becomes_grey() -> None:
    stored = texture(20, 30, 1)[..., 0] > 128
    data = saved(PIL.Image.fromarray(stored), "TIFF", compression="group4")
    np.testing.assert_array_equal(decode(data, max_pixels=LIMIT).pixels[..., 0], stored * 255)


def test_cmyk_follows_its_profile() -> None:
    inks = np.zeros((8, 8, 4), np.uint8)
    inks[:4, :, 0] = 255  # cyan, which this press prints red
    profile = swapped_ink_profile()
    data = saved(PIL.Image.fromarray(inks, mode="CMYK"), "TIFF", icc_profile=profile)
    image = decode(data, max_pixels=LIMIT)
    red, green, blue = image.pixels[0, 0]
    assert red > 230 and green < 40 and blue < 40
    assert image.pixels[7, 7].min() > 250
    assert image.icc is None  # the press's profile would be wrong for what is now sRGB
    assert "profile" in image.notes[0]


@pytest.mark.parametrize("profile", [None, b"no profile at all"])
def test_cmyk_without_usable_profile(profile: bytes | None) -> None:
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[..., 0] = 255
    picture = PIL.Image.fromarray(inks, mode="CMYK")
    image = decode(saved(picture, "JPEG", icc_profile=profile, quality=100), max_pixels=LIMIT)
    assert np.abs(image.pixels.astype(int) - (0, 255, 255)).max() <= 3
    assert "without a colour profile" in image.notes[0]


def _oriented(format: str, picture: PIL.Image.Image, orientation: int) -> bytes:
    if format == "TIFF":
        tags = PIL.Image.Exif()
        tags[0x0112] = orientation
        return saved(picture, format, exif=tags)
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(format, {})
    return saved(picture, format, exif=b"Exif\0\0" + exif(orientation), **lossless)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied_once(format: str, orientation: int) -> None:
    picture = PIL.Image.fromarray(texture(24, 40))
    data = _oriented(format, picture, orientation)
    image = decode(data, max_pixels=LIMIT)
    reference = PIL.ImageOps.exif_transpose(PIL.Image.open(BytesIO(data)))
    np.testing.assert_array_equal(image.pixels, np.asarray(reference))
    assert image.pixels.shape[:2] == ((24, 40) if orientation < 5 else (40, 24))
    assert image.pixels.flags["C_CONTIGUOUS"]
    again = decode(encode(image, "PNG"), max_pixels=LIMIT)
    np.testing.assert_array_equal(again.pixels, image.pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_orientation_of_16_bit_is_that_of_8_bit(format: str, orientation: int) -> None:
    shallow = texture(24, 40)
    if format == "TIFF":
        tags = [(0x0112, 3, 1, orientation, True)]
        data = tiff(shallow.astype(np.uint16) * 257, photometric="rgb", extratags=tags)
    else:
        data = deep_png(shallow.astype(np.uint16) * 257)
        data = data[:33] + chunk(b"eXIf", exif(orientation)) + data[33:]
    reference = decode(_oriented("PNG", PIL.Image.fromarray(shallow), orientation), max_pixels=LIMIT)
    deep = decode(data, max_pixels=LIMIT)
    np.testing.assert_array_equal(deep.pixels, reference.pixels.astype(np.uint16) * 257)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_avif(orientation: int) -> None:
    if not avif_supported():
        pytest.skip("Pillow without AVIF")
    picture = PIL.Image.fromarray(np.asarray(PIL.Image.fromarray(texture(2, 3)).resize((48, 32), 0)))
    data = saved(picture, "AVIF", quality=100, subsampling="4:4:4", exif=exif(orientation))
    tags = PIL.Image.Exif()
    tags[0x0112] = orientation
    expected = PIL.ImageOps.exif_transpose(PIL.Image.open(BytesIO(saved(picture, "PNG", exif=tags))))
    image = decode(data, max_pixels=LIMIT)
    assert np.abs(image.pixels.astype(int) - np.asarray(expected)).max() <= 4


def test_alpha_turns_with_the_colours() -> None:
    stored = texture(24, 40, 4)
    data = _oriented("PNG", PIL.Image.fromarray(stored), 6)
    np.testing.assert_array_equal(whole(decode(data, max_pixels=LIMIT)), np.rot90(stored, -1))


def test_orientation_of_xmp_counts_where_exif_has_none() -> None:
    stored = texture(24, 40)
    data = saved(PIL.Image.fromarray(stored), "PNG")
    data = data[:33] + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP) + data[33:]
    image = decode(data, max_pixels=LIMIT)
    np.testing.assert_array_equal(image.pixels, np.rot90(stored, -1))
    assert image.xmp == XMP.replace(b'Orientation="6"', b'Orientation="1"')


@pytest.mark.parametrize("order", "<>")
def test_exif_keeps_all_but_orientation_and_thumbnail(order: str) -> None:
    stored = exif(6, order)
    data = saved(PIL.Image.fromarray(texture(8, 8)), "JPEG", exif=b"Exif\0\0" + stored)
    kept = decode(data, max_pixels=LIMIT).exif
    assert kept is not None
    assert THUMBNAIL not in kept
    tags = PIL.Image.Exif()
    tags.load(kept)
    assert tags[0x010F] == "Acme Co"
    assert tags[0x0112] == 1
    assert tags.get_ifd(0x8769)[0x927C] == MAKER_NOTE
    assert tags.get_ifd(0x014A + 1) == {} and not tags.get_ifd(1)
    assert kept.index(MAKER_NOTE) == stored.index(MAKER_NOTE)  # its offsets still hold


def test_damaged_exif_is_dropped_with_a_note() -> None:
    stored = texture(8, 8)
    for block in (b"junk", exif(6)[:20], b"II*\0\xff\xff\xff\xff"):
        data = saved(PIL.Image.fromarray(stored), "PNG", exif=b"Exif\0\0" + block)
        image = decode(data, max_pixels=LIMIT)
        np.testing.assert_array_equal(image.pixels.shape, stored.shape)
        assert image.exif is None
        assert "EXIF" in image.left_out[0]


def test_jpeg_with_further_pictures_inside_is_read_as_its_first() -> None:
    first, second = (PIL.Image.fromarray(texture(16, 16 * n)) for n in (1, 2))
    data = saved(first, "MPO", save_all=True, append_images=[second])
    assert decode(data, max_pixels=LIMIT).pixels.shape == (16, 16, 3)


def test_limit_is_ours_and_not_pillows(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = PIL.Image.new("RGB", (1500, 1500))
    for format in ("JPEG", "PNG", "BMP"):
        data = saved(picture, format)
        with monkeypatch.context() as patch:
            patch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 700_000)
            with pytest.raises(PIL.Image.DecompressionBombError):
                PIL.Image.open(BytesIO(data))
            assert decode(data, max_pixels=1500 * 1500).pixels.shape == (1500, 1500, 3)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "predictor": True}, {"tile": (16, 16)}])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_big_endian_bigtiff_is_read(channels: int, dtype: type, options: dict) -> None:
    stored = texture(37, 53, channels, dtype)
    kind = "minisblack" if channels == 1 else "rgb"
    maker = (271, 2, 0, "Acme Cameras", True)
    data = tiff(stored.squeeze(), photometric=kind, bigtiff=True, byteorder=">", extratags=[maker], **options)
    assert data[:4] == b"MM\0+"
    image = decode(data, max_pixels=LIMIT)
    np.testing.assert_array_equal(whole(image), stored)
    assert image.exif is not None and b"Acme Cameras" in image.exif
