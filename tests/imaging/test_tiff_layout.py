"""TIFFs whose samples need rearranging, as tifffile and FFmpeg write them."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from itertools import product
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from picture_files import texture, tiff
from PIL import ImageCms

from deraincli.errors import UnreadableImageError
from deraincli.imaging.decode import decode
from deraincli.imaging.image import Image

LIMIT = 10**6
LEFT_OUT = "Channels besides colours and alpha were left out."


def whole(image: Image) -> NDArray[Any]:
    """Colours and alpha side by side."""
    return image.pixels if image.alpha is None else np.dstack((image.pixels, image.alpha))


def stored_as(samples: NDArray[Any], planes: str, **options: Any) -> bytes:
    """A TIFF of H×W×C, grey for two channels, with alpha for two and four."""
    channels = samples.shape[2]
    options.setdefault("photometric", "minisblack" if channels < 3 else "rgb")
    if channels != 3:
        options.setdefault("extrasamples", ["unassalpha", *["unspecified"] * (channels - 4)])
    if planes == "separate":
        samples = np.ascontiguousarray(samples.transpose(2, 0, 1))
    return tiff(samples, planarconfig=planes, **options)


@pytest.mark.parametrize("layout", [{}, {"tile": (16, 16)}, {"rowsperstrip": 5}, {"bigtiff": True}])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 3, 4, 5])
def test_every_sample_is_exact(channels: int, dtype: type, planes: str, layout: dict) -> None:
    samples = texture(37, 53, channels, dtype)
    packings = [{}, *({"compression": name} for name in ("lzma", "zlib"))]
    packings.append({"compression": "zlib", "predictor": True})
    for order, packing in product("<>", packings):
        image = decode(stored_as(samples, planes, byteorder=order, **packing, **layout), max_pixels=LIMIT)
        assert image.pixels.dtype == dtype
        np.testing.assert_array_equal(whole(image), samples[..., :4])
        assert (LEFT_OUT in image.notes) == (channels == 5)


@pytest.mark.parametrize("compression", ["raw", "packbits", "lzw", "deflate"])
@pytest.mark.parametrize(("kind", "channels"), [("ya16le", 2), ("rgb48le", 3), ("rgba64le", 4)])
def test_what_ffmpeg_writes(kind: str, channels: int, compression: str) -> None:
    av = pytest.importorskip("av", reason="needs the extra `video`")
    samples = texture(37, 53, channels, np.uint16)
    frame = av.VideoFrame(53, 37, kind)
    lines = np.zeros((37, frame.planes[0].line_size), np.uint8)
    lines[:, : 53 * channels * 2] = samples.reshape(37, -1).view(np.uint8)
    frame.planes[0].update(lines.tobytes())
    encoder = av.CodecContext.create("tiff", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 53, 37, kind, Fraction(1)
    encoder.options = {"compression_algo": compression}
    data = b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
    np.testing.assert_array_equal(whole(decode(data, max_pixels=LIMIT)), samples)


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_may_be_zero_but_never_in_alpha(dtype: type, planes: str) -> None:
    samples = texture(9, 11, 2, dtype)
    image = decode(stored_as(samples, planes, photometric="miniswhite"), max_pixels=LIMIT)
    np.testing.assert_array_equal(image.pixels, np.iinfo(dtype).max - samples[..., :1])
    np.testing.assert_array_equal(image.alpha, samples[..., 1])


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_premultiplied_colours_become_straight(dtype: type, channels: int, planes: str) -> None:
    most = np.iinfo(dtype).max
    samples = texture(20, 30, channels, dtype)
    share = samples[..., -1:] / most
    samples[..., :-1] = np.rint(samples[..., :-1] * share)
    image = decode(stored_as(samples, planes, extrasamples=["assocalpha"]), max_pixels=LIMIT)
    np.testing.assert_array_equal(image.alpha, samples[..., -1])
    assert np.abs(image.pixels * share - samples[..., :-1]).max() <= 1


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_channel_without_meaning_is_no_alpha(dtype: type, channels: int, planes: str) -> None:
    samples = texture(9, 11, channels, dtype)
    image = decode(stored_as(samples, planes, extrasamples=["unspecified"]), max_pixels=LIMIT)
    np.testing.assert_array_equal(whole(image), samples[..., :-1])
    assert image.notes == (LEFT_OUT,)


@pytest.mark.parametrize("layout", [{}, {"bigtiff": True}, {"bigtiff": True, "byteorder": ">"}])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_all_other_tags_are_kept(planes: str, layout: dict) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    samples = texture(8, 13, 2, np.uint16)
    tags = [(274, 3, 1, 6, True), (271, 2, 0, "Acme Cameras", True)]
    options = {"iccprofile": profile, "resolution": (300, 150), "extratags": tags, **layout}
    image = decode(stored_as(samples, planes, **options), max_pixels=LIMIT)
    np.testing.assert_array_equal(whole(image), np.rot90(samples, -1))  # orientation 6
    assert image.icc == profile
    assert image.exif is not None and b"Acme Cameras" in image.exif
    assert image.resolution == (150, 300)  # turned with the picture


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_damage_is_refused(planes: str, compression: str | None) -> None:
    data = stored_as(texture(40, 40, 2, np.uint16), planes, compression=compression, rowsperstrip=8)
    for length in (len(data) // 4, int(len(data) * 0.9)):
        with pytest.raises(UnreadableImageError):
            decode(data[:length], max_pixels=LIMIT)


def test_sizes_and_pages_are_checked_before_samples() -> None:
    samples = texture(40, 40, 2, np.uint16)
    with pytest.raises(UnreadableImageError, match="40 × 40 pixels, more than the limit of 1599"):
        decode(stored_as(samples, "contig"), max_pixels=1599)
    pages = tiff(np.stack([samples, samples]), photometric="minisblack", extrasamples=["unassalpha"])
    assert len(tifffile.TiffFile(BytesIO(pages)).pages) == 2
    with pytest.raises(UnreadableImageError, match="2 frames or pages"):
        decode(pages, max_pixels=LIMIT)


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_signed_samples_are_refused(dtype: type) -> None:
    with pytest.raises(UnreadableImageError, match=r"signed (numbers|integers): convert it to 8 or 16 bits"):
        decode(tiff(np.zeros((4, 5), dtype), photometric="minisblack"), max_pixels=LIMIT)
