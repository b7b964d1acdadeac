"""What cannot be decoded in full is refused in one sentence, and nothing else ever comes out."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import chunk, deep_png, exif, raw_png, saved, texture, tiff

from deraincli.errors import DerainError, InputError, UnreadableImageError
from deraincli.imaging.decode import decode
from deraincli.imaging.encode import encode
from deraincli.imaging.formats import avif_supported

# The decoder ignores these, but pytest resets the filters for every test.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")

LIMIT = 10**5


def _valid_files() -> dict[str, bytes]:
    picture = PIL.Image.fromarray(texture(24, 20))
    grey = PIL.Image.fromarray(texture(24, 20, 1)[..., 0])
    block = b"Exif\0\0" + exif(3)
    files = {
        "JPEG": saved(picture, "JPEG", exif=block),
        "progressive JPEG": saved(picture, "JPEG", progressive=True),
        "PNG": saved(picture, "PNG", exif=block),
        "palette PNG": saved(picture.quantize(16), "PNG", transparency=3),
        "16-bit PNG": deep_png(texture(12, 10, 3, np.uint16)),
        "lossy WebP": saved(picture, "WEBP"),
        "lossless WebP": saved(picture, "WEBP", lossless=True, exif=block),
        "TIFF": saved(picture, "TIFF"),
        "LZW TIFF": saved(picture, "TIFF", compression="tiff_lzw"),
        "G4 TIFF": saved(grey.convert("1"), "TIFF", compression="group4"),
        "16-bit TIFF": tiff(texture(12, 10, 3, np.uint16), photometric="rgb", compression="zlib"),
        "big-endian BigTIFF": tiff(
            texture(24, 20), photometric="rgb", compression="zlib", bigtiff=True, byteorder=">"
        ),
        "BMP": saved(picture, "BMP"),
    }
    if avif_supported():
        files["AVIF"] = saved(picture, "AVIF", exif=block)
    return files


VALID = _valid_files()


@pytest.mark.parametrize("kind", VALID)
def test_the_files_below_are_valid(kind: str) -> None:
    decode(VALID[kind], max_pixels=LIMIT)


def _essential_length(kind: str, data: bytes) -> int:
    """Bytes without which something is lost: TIFF writers may end with padding or directories."""
    return len(data) - 1 if "TIFF" not in kind else int(len(data) * 0.9)


@pytest.mark.parametrize("kind", [kind for kind in VALID if kind != "G4 TIFF"])
def test_cut_off_anywhere_is_refused(kind: str) -> None:
    data = VALID[kind]
    step = max(1, len(data) // 150)
    for length in {*range(1, _essential_length(kind, data), step), _essential_length(kind, data)}:
        with pytest.raises(UnreadableImageError):
            decode(data[:length], max_pixels=LIMIT)


@pytest.mark.parametrize("kind", ["palette PNG", "16-bit PNG"])
def test_any_flipped_bit_of_a_png_is_refused(kind: str) -> None:
    data = VALID[kind]
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 1 << position % 8
        with pytest.raises(UnreadableImageError):
            decode(bytes(damaged), max_pixels=LIMIT)


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_damage_gives_a_picture_or_a_refusal(data: st.DataObject) -> None:
    damaged = bytearray(VALID[data.draw(st.sampled_from(sorted(VALID)))])
    positions = st.integers(0, len(damaged) - 1)
    for position, value in data.draw(st.lists(st.tuples(positions, st.integers(0, 255)), max_size=6)):
        damaged[position] = value
    if data.draw(st.booleans()):
        del damaged[data.draw(positions) :]
    try:
        image = decode(bytes(damaged), max_pixels=LIMIT)
    except DerainError as error:
        assert "\n" not in str(error)
    else:
        assert image.pixels.ndim == 3
        assert image.pixels.shape[2] in (1, 3)
        encode(image, "PNG")


@pytest.mark.parametrize("bits", [8, 16])
def test_png_with_too_few_lines_is_refused(bits: int, capfd: pytest.CaptureFixture[str]) -> None:
    """Whole chunks, good checksums, but the last line is short or missing."""
    lines = [bytes(20 * 3 * bits // 8)] * 11
    whole = raw_png(20, 12, bits, 2, [*lines, lines[0]])
    decode(whole, max_pixels=LIMIT)
    with pytest.raises(UnreadableImageError, match="fewer lines"):
        decode(raw_png(20, 12, bits, 2, [*lines, lines[0][:-1]]), max_pixels=LIMIT)
    with pytest.raises(UnreadableImageError, match="fewer lines"):
        decode(raw_png(20, 12, bits, 2, lines), max_pixels=LIMIT)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_size_is_checked_before_any_pixel(kind: str, bits: int) -> None:
    """The headers promise 2.5 gigapixels, and nothing follows them."""
    side = 50_000
    if kind == "PNG":
        data = raw_png(side, side, bits, 2, [])
    elif kind == "BMP":
        data = (
            b"BM"
            + struct.pack("<IHHI", 0, 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, *[0] * 6)
        )
    else:
        small = tiff(texture(2, 2, 3, np.uint8 if bits == 8 else np.uint16), photometric="rgb")
        data = small.replace(struct.pack("<HHII", 256, 4, 1, 2), struct.pack("<HHII", 256, 4, 1, side))
        data = data.replace(struct.pack("<HHII", 257, 4, 1, 2), struct.pack("<HHII", 257, 4, 1, side))
    with pytest.raises(UnreadableImageError, match=r"50000 × 50000 pixels.*--max-pixels"):
        decode(data, max_pixels=LIMIT)


def test_limit_itself_is_allowed() -> None:
    data = saved(PIL.Image.new("L", (30, 20)), "PNG")
    assert decode(data, max_pixels=600).pixels.shape == (20, 30, 1)
    with pytest.raises(UnreadableImageError):
        decode(data, max_pixels=599)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_several_frames_are_refused(format: str) -> None:
    if format == "AVIF" and not avif_supported():
        pytest.skip("Pillow without AVIF")
    frames = [PIL.Image.fromarray(texture(16, 16 + 0 * n) + np.uint8(40 * n)) for n in range(3)]
    data = saved(frames[0], format, save_all=True, append_images=frames[1:])
    with pytest.raises(UnreadableImageError, match="3 frames"):
        decode(data, max_pixels=LIMIT)


@pytest.mark.parametrize("mode", ["I", "F", "LAB"])
def test_other_kinds_of_samples_are_refused(mode: str) -> None:
    with pytest.raises(UnreadableImageError, match="convert it to 8 or 16 bits"):
        decode(saved(PIL.Image.new(mode, (4, 4)), "TIFF"), max_pixels=LIMIT)


def test_bogus_optional_chunk_cannot_break_16_bit(capfd: pytest.CaptureFixture[str]) -> None:
    """If unhandled, libpng prints its opinion of these to stderr, where only our own sentences belong."""
    stored = texture(6, 5, 3, np.uint16)
    bogus = (chunk(b"gAMA", bytes(4)), chunk(b"cHRM", bytes(32)), chunk(b"tIME", b"\xff" * 7))
    lines = [line.astype(">u2").tobytes() for line in stored]
    image = decode(raw_png(5, 6, 16, 2, lines, *bogus), max_pixels=LIMIT)
    np.testing.assert_array_equal(image.pixels, stored)
    assert capfd.readouterr().err == ""


def test_unknown_tags_of_16_bit_tiff_cause_no_noise(capfd: pytest.CaptureFixture[str]) -> None:
    stored = texture(6, 5, 3, np.uint16)
    data = tiff(stored, photometric="rgb", extratags=[(65_000, 3, 1, 7, True), (18_246, 3, 1, 5, True)])
    level = _opencv_log_level()
    np.testing.assert_array_equal(decode(data, max_pixels=LIMIT).pixels, stored)
    assert _opencv_log_level() == level
    assert capfd.readouterr().err == ""


def _opencv_log_level() -> int:
    return cv2.utils.logging.getLogLevel() if hasattr(cv2.utils, "logging") else cv2.getLogLevel()


@pytest.mark.parametrize("content", [b"", b"just some text", b"GIF89a" + bytes(50), b"\xff\xd8\xff", b"BM"])
def test_other_content_is_refused_whatever_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(UnreadableImageError, match=r"photo\.jpg"):
        decode(path, max_pixels=LIMIT)


def test_content_counts_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(VALID["PNG"])
    assert decode(path, max_pixels=LIMIT).format == "PNG"


def test_missing_file_folder_and_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    for path, reason in (
        (tmp_path / "missing.png", "There is no file"),
        (tmp_path, "is a folder"),
        (pipe, "is not a regular file"),
        (tmp_path / ("x" * 300), "cannot be read"),
        (Path("/dev/zero"), "is not a regular file"),
    ):
        with pytest.raises(InputError, match=reason):
            decode(path, max_pixels=LIMIT)


def _jpegs() -> tuple[bytes, bytes]:
    """A sequential and a progressive one, of coarse noise."""
    noise = PIL.Image.fromarray(np.kron(texture(30, 40), np.ones((8, 8, 1), np.uint8)))
    return saved(noise, "JPEG", quality=90), saved(noise, "JPEG", quality=90, progressive=True)


def _damaged_jpegs() -> dict[str, bytes]:
    """Each ends in an end-of-image marker, and Pillow and OpenCV read them all."""
    whole, progressive = _jpegs()
    half, second_scan = len(whole) // 2, progressive.index(b"\xff\xda", progressive.index(b"\xff\xda") + 2)
    damaged_icc = b"\xff\xe2\x00\x10ICC_PROFILE\0\x09\x01"
    return {
        "cut off": whole[:half] + b"\xff\xd9",
        "cut off behind a damaged profile": whole[:2] + damaged_icc + whole[2:half] + b"\xff\xd9",
        "zeroed": whole[:half] + bytes(512) + whole[half + 512 :],
        "gap": whole[:half] + whole[half + 2000 :],
        "progressive gap": progressive[:half] + progressive[half + 300 :],
        "first scan only": progressive[:second_scan] + b"\xff\xd9",
    }


@pytest.mark.parametrize("kind", _damaged_jpegs())
def test_damaged_jpeg_that_ends_as_it_should_is_refused(kind: str) -> None:
    with pytest.raises(UnreadableImageError, match="damaged or cut off"):
        decode(_damaged_jpegs()[kind], max_pixels=LIMIT)


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_with_harmless_surplus_is_read(progressive: bool) -> None:
    """Padding before the end, bytes between segments, a damaged profile: the picture is whole."""
    whole = _jpegs()[progressive]
    for data in (
        whole[:-2] + bytes(20) + whole[-2:],
        whole[:-2] + b"\xff" * 9 + whole[-2:],
        whole[:2] + b"\xff\xe2\x00\x10ICC_PROFILE\0\x09\x01" + whole[2:],
        whole + whole,
    ):
        assert decode(data, max_pixels=LIMIT).pixels.shape == (240, 320, 3)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", [0, 1])
def test_12_bit_grey_tiff_is_refused(order: str, photometric: int) -> None:
    """Pillow reads some of them, sixteen times too dark."""
    entries = [(256, 16), (257, 2), (258, 12), (259, 1), (262, photometric), (273, 8), (277, 1), (279, 48)]
    directory = b"".join(struct.pack(f"{order}HHIHxx", tag, 3, 1, value) for tag, value in entries)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 56)
    data = head + b"\x80" * 48 + struct.pack(f"{order}H", len(entries)) + directory + bytes(4)
    with pytest.raises(UnreadableImageError):
        decode(data, max_pixels=LIMIT)


def test_tiles_larger_than_the_limit_are_refused() -> None:
    """A decoder makes room for a whole tile, however small the picture is."""
    data = tiff(texture(20, 20), photometric="rgb", tile=(16, 16))
    (length,) = (
        struct.pack("<HHI", 323, kind, 1) for kind in (3, 4) if struct.pack("<HHI", 323, kind, 1) in data
    )
    tall = data.replace(length + data[data.index(length) + 8 :][:4], struct.pack("<HHII", 323, 4, 1, 10**6))
    with pytest.raises(UnreadableImageError, match=r"tiles of 16 × 1000000"):
        decode(tall, max_pixels=LIMIT)


@pytest.mark.parametrize("kind", [2, 7])
def test_resolution_that_is_no_number_is_none(kind: int) -> None:
    data = saved(PIL.Image.fromarray(texture(5, 6)), "TIFF", dpi=(300, 72))
    words = data.replace(struct.pack("<HHI", 282, 5, 1), struct.pack("<HHI", 282, kind, 4))
    assert words != data
    assert decode(words, max_pixels=LIMIT).resolution is None
