"""Reads and writes chunks of PNG files, for checksums, colour keys, metadata and 16-bit encoding.

Specification: W3C PNG, third edition.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

import numpy as np

from deraincli.geometry import row_bands
from deraincli.imaging.arrays import to_pillow
from deraincli.imaging.image import Image
from deraincli.imaging.resolution import per_metre
from deraincli.pixels import Pixels

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_END = len(_SIGNATURE) + 25
_COLOUR_CHUNKS = (b"cICP", b"sRGB", b"gAMA", b"cHRM")
_PER_METRE = 1
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
_ANIMATION_CHUNKS = (b"acTL", b"fcTL", b"fdAT")
_METADATA_KEYWORDS = ("XML:com.adobe.xmp", "Raw profile type exif")
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
_SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_ONLY_METHODS = b"\0\0"  # the only ones for compression and filtering
_INTERLACED = 1
_INFLATE_STEP = 1 << 18
_SUB_FILTER, _LAST_FILTER = 1, 4
_TOO_FEW_LINES = "it holds fewer lines than its header says"


def chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Iterates over the chunks of a file up to IEND. Only `check` verifies their checksums.

    Args:
        data: The whole file.

    Yields:
        Type and body of a chunk.

    Raises:
        ValueError: A chunk is cut off.
    """
    view, position, kind = memoryview(data), len(_SIGNATURE), b""
    while kind != b"IEND":
        if position + 12 > len(data):
            raise ValueError("it ends before its last chunk")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise ValueError("it ends before its last chunk")
        yield kind, view[position + 8 : end - 4]
        position = end


def check(data: bytes) -> None:
    """Checks the chunks, and the header for errors that Pillow ignores or that libpng prints.

    Args:
        data: The whole file.

    Raises:
        ValueError: A chunk is cut off or fails its checksum, the header is missing, repeated or damaged, or
            a required palette or all lines are missing.
    """
    kinds, position = [], len(_SIGNATURE)
    for kind, body in chunks(data):
        position += 12 + len(body)
        (checksum,) = struct.unpack_from(">I", data, position - 4)
        if zlib.crc32(body, zlib.crc32(kind)) != checksum:
            raise ValueError("a chunk fails its checksum")
        kinds.append(kind)
    if kinds[0] != b"IHDR" or kinds.count(b"IHDR") > 1:
        raise ValueError("it does not begin with its one header")
    if data[25] not in _SAMPLES or data[26:28] != _ONLY_METHODS or data[28] > _INTERLACED:
        raise ValueError("its header is damaged")
    if data[25] == PALETTE and b"PLTE" not in kinds:
        raise ValueError("its palette is missing")
    if b"IDAT" not in kinds:
        raise ValueError(_TOO_FEW_LINES)


def check_lines(data: bytes) -> None:
    """Checks that a file holds every line, because decoders leave missing lines black.

    Args:
        data: The whole file, which `check` has accepted.

    Raises:
        ValueError: The lines cannot be decompressed, or some are missing.
    """
    for _ in _lines(data):
        pass


def _lines(data: bytes) -> Iterator[bytes]:
    """Decompresses all lines with their filter bytes, in pieces of at most `_INFLATE_STEP` bytes.

    Raises:
        ValueError: The lines cannot be decompressed, or some are missing.
    """
    inflater, missing = zlib.decompressobj(), sum(rows * size for rows, size in _passes(data))
    try:
        for kind, body in chunks(data):
            # Each step copies the rest of its input, so the input is passed in slices.
            for start in range(0, len(body) if kind == b"IDAT" else 0, _INFLATE_STEP):
                compressed: bytes | memoryview = body[start : start + _INFLATE_STEP]
                while compressed and missing > 0:
                    piece = inflater.decompress(compressed, _INFLATE_STEP)[:missing]
                    missing -= len(piece)
                    yield piece
                    compressed = inflater.unconsumed_tail
    except zlib.error as error:
        raise ValueError("its data cannot be decompressed") from error
    if missing > 0:
        raise ValueError(_TOO_FEW_LINES)


def _passes(data: bytes) -> Iterator[tuple[int, int]]:
    """Yields the number of lines and the bytes of a line with its filter, for each pass if interlaced."""
    width, height = struct.unpack_from(">II", data, 16)
    bits, colour_type, interlaced = data[24], data[25], data[28]
    samples = _SAMPLES[colour_type]
    for left, top, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            yield rows, 1 + -(-columns * samples * bits // 8)


def header(data: bytes) -> tuple[int, int]:
    """Reads the IHDR chunk.

    Args:
        data: The whole file.

    Returns:
        Bits per sample and colour type.
    """
    return data[24], data[25]


def is_deep(data: bytes) -> bool:
    """Returns whether a sample has 16 bits.

    Args:
        data: The whole file.
    """
    return data[24] == 16


def colour_key(data: bytes) -> tuple[int, ...] | None:
    """Returns the transparent colour of a grey or RGB picture.

    Args:
        data: The whole file.

    Returns:
        One or three values in the range that Pillow decodes to, or None if there is no such colour.
    """
    bits, colour_type = header(data)
    body = next((body for kind, body in chunks(data) if kind == b"tRNS"), None)
    if body is None or colour_type not in (GREY, RGB):
        return None
    samples = struct.unpack_from(f">{1 if colour_type == GREY else 3}H", body)
    scale = 255 // (2**bits - 1) if bits < 8 else 1
    return tuple((sample & (2**bits - 1)) * scale for sample in samples)


def kept_chunks(data: bytes, *, turned: bool) -> tuple[tuple[bytes, bytes], ...]:
    """Returns the chunks that define colours without an ICC profile, and the aspect of the pixels.

    Args:
        data: The whole file.
        turned: Whether turning the picture upright swaps width and height. The aspect is swapped with them.

    Returns:
        Type and body of each chunk.
    """
    kept = tuple((kind, bytes(body)) for kind, body in chunks(data) if kind in _COLOUR_CHUNKS)
    aspect = next((bytes(body) for kind, body in chunks(data) if kind == b"pHYs"), b"")
    if len(aspect) != 9 or aspect[8] == _PER_METRE:  # a resolution is kept elsewhere, in `Image.resolution`
        return kept
    across, down = aspect[:4], aspect[4:8]
    return (*kept, (b"pHYs", (down + across if turned else across + down) + aspect[8:]))


def left_out(data: bytes) -> Iterator[str]:
    """Lists texts in the file that are neither EXIF nor XMP.

    Args:
        data: The whole file.

    Yields:
        Names for the user. They may repeat.
    """
    for kind, body in chunks(data):
        keyword = bytes(body[:80]).split(b"\0")[0].decode("latin-1") if kind in _TEXT_CHUNKS else ""
        if keyword and keyword not in _METADATA_KEYWORDS:
            yield f"text '{keyword}'" if keyword.isprintable() else "text"


def end(data: bytes) -> int:
    """Returns the offset of the end of the last chunk.

    Args:
        data: The whole file.

    Returns:
        The offset in bytes.
    """
    return len(_SIGNATURE) + sum(12 + len(body) for _, body in chunks(data))


def outline(data: bytes) -> bytes:
    """Reduces a file to one pixel with all its metadata, so that Pillow reads these alone.

    Args:
        data: The whole file, of one frame, which `check` has accepted.

    Returns:
        A file with the same other chunks.
    """
    replaced = {
        b"IHDR": struct.pack(">II", 1, 1) + data[24:29],
        b"IDAT": zlib.compress(bytes(1 + _SAMPLES[data[25]] * 2)),
    }
    kept, seen = [_SIGNATURE], set(_ANIMATION_CHUNKS)
    for kind, body in chunks(data):
        if kind not in seen:
            kept.append(_chunk(kind, replaced.get(kind, body)))
        if kind in replaced:
            seen.add(kind)
    return b"".join(kept)


def bare(data: bytes) -> bytearray:
    """Removes optional chunks and surplus data, which libpng would warn about or apply.

    Args:
        data: The whole file, without a palette, which `check` has accepted.

    Returns:
        A file with the same samples. They are stored uncompressed, so reading them takes no longer than a
        copy.

    Raises:
        ValueError: The lines cannot be decompressed, some are missing, or one has an unknown filter.
    """
    lines = bytearray().join(_lines(data))
    _check_filters(data, lines)
    stored, packer = bytearray(data[:_HEADER_END]), zlib.compressobj(0)
    for start in range(0, len(lines), _INFLATE_STEP):
        stored += _chunk(b"IDAT", packer.compress(memoryview(lines)[start : start + _INFLATE_STEP]))
    stored += _chunk(b"IDAT", packer.flush()) + _chunk(b"IEND", b"")
    return stored


def _check_filters(data: bytes, lines: bytearray) -> None:
    """Raises ValueError for filters that libpng does not know and would print."""
    start = 0
    for rows, size in _passes(data):
        filters = np.frombuffer(lines, np.uint8, rows * size, start).reshape(rows, size)[:, 0]
        if filters.max() > _LAST_FILTER:
            raise ValueError("a line has an unknown filter")
        start += rows * size


def encode(image: Image) -> bytes:
    """Encodes a picture with all its metadata.

    Args:
        image: 8- or 16-bit grey or RGB, with or without alpha.

    Returns:
        The content of the file.
    """
    if image.pixels.dtype == np.uint16:
        stream = _deep(image.pixels, image.alpha)
    else:
        file = BytesIO()
        to_pillow(image.pixels, image.alpha).save(file, "PNG")
        stream = file.getvalue()
    return b"".join((stream[:_HEADER_END], *_metadata(image), stream[_HEADER_END:]))


def _metadata(image: Image) -> Iterator[bytes]:
    for kind, body in image.png_chunks:
        yield _chunk(kind, body)
    if image.resolution:
        yield _chunk(b"pHYs", struct.pack(">IIB", *per_metre(image.resolution), _PER_METRE))
    if image.icc:
        yield _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(image.icc))
    if image.exif:
        yield _chunk(b"eXIf", image.exif)
    if image.xmp:
        yield _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + image.xmp)


def _deep(pixels: Pixels, alpha: Pixels | None) -> bytes:
    """Encodes uint16 H×W×C. Pillow supports no 16-bit colour, and OpenCV no grey with alpha."""
    height, width, colours = pixels.shape
    colour_type = {1: GREY, 3: RGB}[colours] | (0 if alpha is None else GREY_ALPHA)
    stride = 2 * (colours if alpha is None else colours + 1)
    compressor, stream = zlib.compressobj(), bytearray()
    for rows in row_bands(height, width):
        band = pixels[rows] if alpha is None else np.dstack((pixels[rows], alpha[rows]))
        samples = np.ascontiguousarray(band, ">u2").view(np.uint8).reshape(len(band), -1)
        lines = np.empty((len(band), 1 + samples.shape[1]), np.uint8)
        lines[:, 0] = _SUB_FILTER
        lines[:, 1:] = samples
        lines[:, 1 + stride :] -= samples[:, :-stride]
        stream += compressor.compress(lines.data)
    stream += compressor.flush()
    ihdr = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", ihdr) + _chunk(b"IDAT", stream) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes | bytearray | memoryview) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(body)), kind, body, struct.pack(">I", checksum)))
