"""Small pictures of every kind that is read, made by Pillow, OpenCV, tifffile and the code under test."""

from __future__ import annotations

import struct
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
from imaging.picture_files import (
    LINEAR_GREY,
    LINEAR_RGB,
    XMP,
    chunk,
    deep_png,
    exif,
    raw_png,
    saved,
    swapped_ink_profile,
    texture,
    tiff,
)
from imaging.raw_files import write_dng
from PIL.PngImagePlugin import PngInfo

from deraincli.imaging.encode import encode
from deraincli.imaging.formats import FORMATS, available
from deraincli.imaging.image import Image

HEIGHT, WIDTH = 11, 13
_EXIF = b"Exif\0\0" + exif(6)
_IPTC = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0b\x1c\x02\x78\0\x06titles\0"


def _modes() -> dict[str, PIL.Image.Image]:
    rgb = PIL.Image.fromarray(texture(HEIGHT, WIDTH))
    rgba = PIL.Image.fromarray(texture(HEIGHT, WIDTH, 4))
    grey = rgb.convert("L")
    return {
        "rgb": rgb,
        "rgba": rgba,
        "grey": grey,
        "grey-alpha": rgba.convert("LA"),
        "palette": rgb.quantize(16),
        "bilevel": grey.convert("1"),
        "deep-grey": PIL.Image.fromarray(texture(HEIGHT, WIDTH, 1, np.uint16)[..., 0]),
        "cmyk": rgb.convert("CMYK"),
        "ycbcr": rgb.convert("YCbCr"),
        "lab": PIL.Image.new("LAB", (WIDTH, HEIGHT), (99, 3, 9)),
        "float": PIL.Image.fromarray(texture(HEIGHT, WIDTH, 1)[..., 0].astype(np.float32)),
        "integer": PIL.Image.fromarray(texture(HEIGHT, WIDTH, 1)[..., 0].astype(np.int32)),
    }


def _own(format: str) -> list[bytes]:
    """What the code under test writes, with all metadata."""
    deep = np.uint16 if FORMATS[format].deep else np.uint8
    files = []
    for channels in (1, 3):
        for dtype in (np.uint8, deep):
            for has_alpha in (False, FORMATS[format].alpha):
                pixels = texture(HEIGHT, WIDTH, channels, dtype)
                alpha = texture(HEIGHT, WIDTH, 1, dtype)[..., 0] if has_alpha else None
                icc = LINEAR_RGB if channels == 3 else LINEAR_GREY
                image = Image(pixels, format, alpha, icc, exif(1), XMP, resolution=(300.0, 150.0))
                files.append(encode(image, format))
    return files


def _png() -> list[bytes]:
    modes = _modes()
    text = PngInfo()
    text.add_text("Comment", "rain")
    text.add_text("Title", "rain " * 30, zip=True)
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    text.add_text("Raw profile type exif", f"\nexif\n {len(_EXIF)}\n{_EXIF.hex()}\n")
    files = [
        saved(modes[mode], "PNG") for mode in ("rgb", "rgba", "grey", "grey-alpha", "palette", "bilevel")
    ]
    files += [saved(modes["deep-grey"], "PNG"), *(deep_png(texture(7, 5, n, np.uint16)) for n in (1, 3, 4))]
    files += [saved(modes["rgb"], "PNG", exif=_EXIF, icc_profile=LINEAR_RGB, dpi=(300, 72), pnginfo=text)]
    files += [saved(modes["palette"], "PNG", transparency=3), saved(modes["grey"], "PNG", transparency=7)]
    files += [
        saved(modes["rgb"], "PNG", save_all=True, append_images=[modes["rgb"].transpose(0)], duration=50)
    ]
    colours = (
        *(chunk(b"cICP", b"\x09\x10\0\x01"), chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"sRGB", b"\0")),
        *(chunk(b"cHRM", struct.pack(">8I", *range(10000, 18000, 1000))), chunk(b"bKGD", b"\0\x01" * 3)),
        *(chunk(b"pHYs", struct.pack(">IIB", 3, 2, 0)), chunk(b"tIME", b"\x07\xe0\x01\x01\0\0\0")),
    )
    lines = [line.tobytes() for line in texture(4, 6)]
    files += [raw_png(6, 4, 8, 2, lines, *colours), raw_png(6, 4, 8, 2, lines, chunk(b"tRNS", b"\0\x07" * 3))]
    deep = [line.astype(">u2").tobytes() for line in texture(4, 6, 3, np.uint16)]
    files += [
        raw_png(6, 4, 16, 2, deep, chunk(b"tRNS", b"\x10\x07" * 3)),
        raw_png(9, 3, 1, 0, [b"\xa5\0"] * 3),
    ]
    palette = chunk(b"PLTE", bytes(range(12))), chunk(b"tRNS", b"\0\x80")
    files += [
        raw_png(9, 3, 2, 3, [b"\x1b\x2d\x40"] * 3, *palette),
        raw_png(5, 3, 4, 0, [b"\x12\x34\x50"] * 3),
    ]
    return files + _own("PNG")


def _jpeg() -> list[bytes]:
    modes = _modes()
    rgb, cmyk = modes["rgb"], modes["cmyk"]
    files = [saved(rgb, "JPEG", quality=90, subsampling=n) for n in (0, 1, 2)]
    files += [saved(rgb, "JPEG", progressive=True), saved(modes["grey"], "JPEG"), saved(cmyk, "JPEG")]
    files += [saved(modes["grey"], "JPEG", progressive=True), saved(rgb, "JPEG", restart_marker_blocks=1)]
    files += [saved(cmyk, "JPEG", icc_profile=swapped_ink_profile()), saved(rgb, "JPEG", keep_rgb=True)]
    files += [saved(rgb, "JPEG", exif=_EXIF, xmp=XMP, icc_profile=LINEAR_RGB, dpi=(300, 72), comment="rain")]
    files += [saved(rgb, "MPO", save_all=True, append_images=[rgb])]
    files += [files[0][:2] + b"\xff\xed" + struct.pack(">H", len(_IPTC) + 2) + _IPTC + files[0][2:]]
    return files + _own("JPEG")


def _tiff() -> list[bytes]:
    modes = _modes()
    files = [saved(picture, "TIFF") for picture in modes.values()]
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        files += [saved(modes["rgb"], "TIFF", compression=compression)]
    files += [
        saved(modes["bilevel"], "TIFF", compression=name) for name in ("group3", "group4", "tiff_ccitt")
    ]
    files += [saved(modes["rgb"], "TIFF", exif=exif(6), icc_profile=LINEAR_RGB, dpi=(300, 72))]
    files += [saved(modes["cmyk"], "TIFF", icc_profile=swapped_ink_profile())]
    files += [saved(modes["grey"], "TIFF", save_all=True, append_images=[modes["grey"]])]
    files += [saved(modes["grey"], "TIFF", big_tiff=True), saved(modes["rgb"], "TIFF", tiffinfo={274: 8})]
    for dtype in (np.uint8, np.uint16):
        for order in "<>":
            for big in (False, True):
                options = {"byteorder": order, "bigtiff": big, "photometric": "rgb"}
                files += [tiff(texture(HEIGHT, WIDTH, 3, dtype), **options)]
        files += [tiff(texture(17, 18, 3, dtype), photometric="rgb", tile=(16, 16), compression="zlib")]
        files += [tiff(texture(HEIGHT, WIDTH, 4, dtype), photometric="rgb", extrasamples=["unassalpha"])]
        files += [tiff(texture(HEIGHT, WIDTH, 4, dtype), photometric="rgb", extrasamples=["assocalpha"])]
        files += [tiff(texture(HEIGHT, WIDTH, 4, dtype), photometric="separated")]
        planes = np.ascontiguousarray(texture(HEIGHT, WIDTH, 3, dtype).transpose(2, 0, 1))
        files += [tiff(planes, photometric="rgb", planarconfig="separate")]
        grey_alpha = {"photometric": "minisblack", "extrasamples": ["unassalpha"]}
        files += [
            tiff(texture(17, 18, 2, dtype), predictor=True, compression="zlib", tile=(16, 16), **grey_alpha)
        ]
        planes = np.ascontiguousarray(texture(HEIGHT, WIDTH, 2, dtype).transpose(2, 0, 1))
        files += [tiff(planes, planarconfig="separate", bigtiff=True, **grey_alpha)]
        files += [tiff(texture(HEIGHT, WIDTH, 3, dtype), photometric="rgb", compression="lzma")]
        files += [tiff(texture(HEIGHT, WIDTH, 1, dtype)[..., 0], photometric="miniswhite")]
        files += [
            tiff(texture(HEIGHT, WIDTH, 3, dtype), photometric="rgb", predictor=True, compression="zlib")
        ]
    files += [cv2.imencode(".tiff", texture(HEIGHT, WIDTH, 3, np.uint16))[1].tobytes()]
    return files + _own("TIFF")


def _webp() -> list[bytes]:
    modes = _modes()
    rgb, rgba = modes["rgb"], modes["rgba"]
    files = [
        saved(rgb, "WEBP"),
        saved(rgb, "WEBP", lossless=True),
        saved(rgba, "WEBP"),
        saved(modes["grey"], "WEBP"),
    ]
    files += [saved(rgba, "WEBP", lossless=True, exact=True)]
    files += [saved(rgb, "WEBP", exif=_EXIF, xmp=XMP, icc_profile=LINEAR_RGB)]
    files += [saved(rgb, "WEBP", save_all=True, append_images=[rgb.transpose(0)])]
    return files + _own("WEBP")


def _bmp() -> list[bytes]:
    modes = _modes()
    files = [saved(modes[mode], "BMP") for mode in ("rgb", "rgba", "grey", "palette", "bilevel")]
    files += [
        saved(modes["rgb"], "BMP", dpi=(300, 72)),
        cv2.imencode(".bmp", texture(HEIGHT, WIDTH))[1].tobytes(),
    ]
    top_down = struct.pack("<IiiHHIIiiII", 40, 3, -2, 1, 24, 0, 24, 0, 0, 0, 0) + bytes(range(24))
    files += [b"BM" + struct.pack("<IHHI", 54 + 24, 0, 0, 54) + top_down]
    for bits, compression, body in (
        (8, 1, b"\x04\x01\0\0\x02\x02\x02\x03\0\x01"),
        (4, 2, b"\x04\x12\0\0\x04\x31\0\x01"),
    ):
        palette = bytes(range(4 * 2**bits & 0xFF or 64)).ljust(4 * 2**bits, b"\x40")
        head = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, bits, compression, len(body), 0, 0, 2**bits, 0)
        offset = 14 + len(head) + len(palette)
        files += [b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + head + palette + body]
    masks = struct.pack("<IIII", 0xF800, 0x07E0, 0x001F, 0)
    head = struct.pack("<IiiHHIIiiII", 56, 4, 2, 1, 16, 3, 16, 0, 0, 0, 0) + masks
    files += [
        b"BM" + struct.pack("<IHHI", 14 + len(head) + 16, 0, 0, 14 + len(head)) + head + bytes(range(16))
    ]
    return files + _own("BMP")


def _avif() -> list[bytes]:
    modes = _modes()
    rgb, rgba = modes["rgb"], modes["rgba"]
    options = {"speed": 10}
    files = [saved(rgb, "AVIF", subsampling=ratio, **options) for ratio in ("4:4:4", "4:2:0", "4:0:0")]
    files += [
        saved(rgba, "AVIF", **options),
        saved(rgb, "AVIF", exif=_EXIF, xmp=XMP, icc_profile=LINEAR_RGB, **options),
    ]
    files += [saved(rgb, "AVIF", save_all=True, append_images=[rgb.transpose(0)], **options)]
    return files + _own("AVIF")


def _foreign() -> list[bytes]:
    """Formats that are refused, by their usual beginnings."""
    modes = _modes()
    files = [saved(modes["palette"], "GIF"), saved(modes["rgb"], "PPM"), saved(modes["rgb"], "TGA")]
    files += [saved(modes["rgb"], "JPEG2000"), saved(modes["rgb"], "ICO"), saved(modes["rgb"], "PCX")]
    return [*files, b"%PDF-1.4", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"RIFF\0\0\0\0WEBP", b"BM"]


def _heic() -> list[bytes]:
    """Written by pillow-heif, because the library under test only reads."""
    import pillow_heif

    files = []
    for mode in ("L", "LA", "RGB", "RGBA", "RGB;16", "RGBA;16"):
        channels, deep = len(mode.partition(";")[0]), ";" in mode
        samples = texture(16, 18, channels, np.uint16 if deep else np.uint8)
        picture = pillow_heif.from_bytes(mode, (18, 16), samples.tobytes())
        files.append(_heic_bytes(picture))
    picture = pillow_heif.from_bytes("RGB", (18, 16), texture(16, 18).tobytes())
    picture.info.update(exif=_EXIF, xmp=XMP, icc_profile=LINEAR_RGB)
    files.append(_heic_bytes(picture))
    picture.add_from_pillow(PIL.Image.fromarray(texture(8, 8)))
    return [*files, _heic_bytes(picture)]


def _heic_bytes(picture: Any) -> bytes:
    file = BytesIO()
    picture.save(file, quality=50)
    return file.getvalue()


def _jxl() -> list[bytes]:
    import pillow_jxl

    files = []
    for mode, lossless in (("L", True), ("LA", False), ("RGB", True), ("RGB", False), ("RGBA", True)):
        samples = texture(HEIGHT, WIDTH, len(mode)).tobytes()
        for metadata in ({}, {"exif": exif(6), "xmp": XMP}):
            encoder = pillow_jxl.Encoder(
                mode=mode,
                lossless=lossless,
                quality=100 if lossless else 80,
                decoding_speed=0,
                effort=3,
                use_container=bool(metadata),
                use_original_profile=False,
                num_threads=1,
            )
            compressed = {"exif": None, "xmp": None, **metadata, "jumb": None, "compress": lossless}
            files.append(bytes(encoder(samples, WIDTH, HEIGHT, jpeg_encode=False, **compressed)))
    return files + _own("JXL")


def _raw() -> list[bytes]:
    light = texture(32, 40).astype(np.float64) / 255
    options = ({}, {"orientation": 6}, {"preview": True}, {"version": False})
    return [write_dng(light, **chosen) for chosen in options]


_MAKERS = {"PNG": _png, "JPEG": _jpeg, "TIFF": _tiff, "WEBP": _webp, "BMP": _bmp, "AVIF": _avif} | {
    "HEIC": _heic,
    "JXL": _jxl,
    "RAW": _raw,
}
_WRITERS = {"HEIC": "pillow_heif"}
"""The module that writes the files of a format, if that is not the one that reads them."""
_SHARED = Path(__file__).parents[3] / "shared" / "data" / "formats"
_MOST_BYTES = 20_000


@cache
def pictures(format: str) -> tuple[bytes, ...]:
    """Whole files of a format, of at most 20 KB each."""
    return tuple(dict.fromkeys(_foreign() if format == "foreign" else _MAKERS[format]()))


@cache
def shared_pictures(*suffixes: str) -> tuple[bytes, ...]:
    """PngSuite and Pillow's test pictures, where they lie beside the checkout. They are not ours to ship."""
    found = sorted(path for path in _SHARED.rglob("*") if path.suffix.lower() in suffixes)
    return tuple(path.read_bytes() for path in found if path.stat().st_size <= _MOST_BYTES)


def formats() -> list[str]:
    """The formats of `pictures` that can be made and read here."""
    return [
        format
        for format in _MAKERS
        if available(format) and (format not in _WRITERS or find_spec(_WRITERS[format]) is not None)
    ]
