"""Rearranges the samples of TIFFs that neither Pillow nor OpenCV reads, so that both read them.

These TIFFs hold 16-bit grey with alpha, alpha or 16-bit colours in separate planes, more channels than
colours and alpha, or 16-bit colours in compressions that OpenCV does not know, such as Zstandard. Pillow
decodes their samples as grey TIFFs. A new directory then describes them as interleaved colours. The structure
follows TIFF 6.0: section 2 for directories, section 14 for predictor 2.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import TiffImageFile

from deraincli.geometry import row_bands
from deraincli.imaging import arrays
from deraincli.imaging.tiff_directory import Directory, append, first_directory
from deraincli.pixels import Pixels

_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_BYTE_COUNTS = 322, 323, 324, 325
_FILL_ORDER, _PREDICTOR, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 266, 317, 338, 339
_PLACES = (Base.StripOffsets, Base.StripByteCounts, _TILE_OFFSETS, _TILE_BYTE_COUNTS)
_LAYOUT = (
    *(Base.ImageWidth, Base.ImageLength, Base.Compression, Base.RowsPerStrip, _FILL_ORDER, _PREDICTOR),
    *(_TILE_WIDTH, _TILE_LENGTH, *_PLACES),
)
"""Tags that say where the samples are and how they are packed."""

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_INTERLEAVED, _SEPARATE = 1, 2
_UNSIGNED = 1
_UNCOMPRESSED = 1
_JPEG = (6, 7)
_KNOWN_TO_OPENCV = (_UNCOMPRESSED, 5, 8, 32773, 32946)
"""Compressions: none, LZW, both numbers of deflate, PackBits."""
_UNSPECIFIED = 0
_DIFFERENCES = 2
_MOST_SAMPLES = 6  # Pillow's limit
_Tags = Mapping[int, tuple[int, ...]]
_LONG = 4


class Rearrangement(NamedTuple):
    """A TIFF whose samples must be rearranged."""

    tags: Directory
    """The first directory, which describes the samples."""

    @property
    def grey(self) -> bool:
        """Whether the three colours of the result are alike, because the TIFF is grey."""
        return self.tags.first(Base.PhotometricInterpretation) != _RGB

    @property
    def samples(self) -> int:
        """Stored channels."""
        return self.tags.first(Base.SamplesPerPixel)

    def outline(self) -> bytes:
        """Returns a TIFF of one page with the same size and tags that Pillow opens but cannot load."""
        return self._with(self.tags.entries, self._described(), bytearray(self.tags.data))

    def interleaved(self) -> bytes:
        """Decodes the samples.

        Returns:
            A TIFF of RGB, or of RGB with alpha, uncompressed, with all other tags of this one.

        Raises:
            Exception: The samples are damaged. Pillow raises almost any type.
        """
        samples = self._samples()
        height, width, channels = samples.shape
        rows = next(row_bands(height, width)).stop
        block = bytearray(self.tags.data)
        start, bytes_per_row = len(block), width * channels * samples.itemsize
        block += np.ascontiguousarray(samples, f"{self.tags.order}u{samples.itemsize}").data.cast("B")
        tops = range(0, height, rows)
        changes = self._described() | {
            Base.ImageWidth: (width,),
            Base.ImageLength: (height,),
            Base.Compression: (_UNCOMPRESSED,),
            Base.RowsPerStrip: (rows,),
            Base.StripOffsets: tuple(start + top * bytes_per_row for top in tops),
            Base.StripByteCounts: tuple(min(rows, height - top) * bytes_per_row for top in tops),
        }
        return self._with({t: e for t, e in self.tags.entries.items() if t not in _LAYOUT}, changes, block)

    @property
    def _channels(self) -> int:
        """Colours and alpha of the result. Samples after those are ignored."""
        return min(self.samples, 2 if self.grey else 4) + (2 if self.grey else 0)

    def _described(self) -> dict[int, tuple[int, ...]]:
        """Returns the tags that say what the samples of the result mean."""
        tags: dict[int, tuple[int, ...]] = {
            Base.SamplesPerPixel: (self._channels,),
            Base.BitsPerSample: (self.tags.first(Base.BitsPerSample),) * self._channels,
            Base.PhotometricInterpretation: (_RGB,),
            Base.PlanarConfiguration: (_INTERLEAVED,),
            _SAMPLE_FORMAT: (_UNSIGNED,) * self._channels,
        }
        if self._channels == 4:
            tags[_EXTRA_SAMPLES] = (self.tags.first(_EXTRA_SAMPLES, _UNSPECIFIED),)
        return tags

    def _samples(self) -> Pixels:
        """Decodes the samples of the result, H×W×C, uint8 or uint16, as stored."""
        stored, wanted = self.samples, 2 if self.grey else self._channels
        if self.tags.first(Base.PlanarConfiguration) == _SEPARATE:
            samples = np.dstack([self._plane(number, stored) for number in range(wanted)])
        else:
            samples = self._packed(stored)[..., :wanted]
        if not self.grey:
            return samples
        if self.tags.first(Base.PhotometricInterpretation) == _WHITE_IS_ZERO:
            np.invert(samples[..., 0], out=samples[..., 0])
        return samples[..., [0, 0, 0, 1]]

    def _plane(self, number: int, planes: int) -> Pixels:
        """Decodes one of the planes, H×W."""
        places = {tag: self.tags.values(tag) for tag in _PLACES if tag in self.tags.entries}
        changes = {
            tag: values[number * len(values) // planes : (number + 1) * len(values) // planes]
            for tag, values in places.items()
        }
        return self._decoded_as_grey(changes)

    def _packed(self, channels: int) -> Pixels:
        """Decodes interleaved samples, H×W×C, as a grey picture of C times the width."""
        widths = [tag for tag in (Base.ImageWidth, _TILE_WIDTH) if tag in self.tags.entries]
        changes = {tag: (self.tags.first(tag) * channels,) for tag in widths}
        wide = self._decoded_as_grey(changes | {_PREDICTOR: (1,)})
        samples = wide.reshape(wide.shape[0], -1, channels)
        # Differences are between pixels, which the grey picture does not have.
        if self.tags.first(_PREDICTOR) == _DIFFERENCES:
            tile = self.tags.first(_TILE_WIDTH, samples.shape[1])
            for left in range(0, samples.shape[1], tile):
                part = samples[:, left : left + tile]
                np.add.accumulate(part, axis=1, dtype=part.dtype, out=part)
        return samples

    def _decoded_as_grey(self, changes: _Tags) -> Pixels:
        changes = {
            **changes,
            Base.SamplesPerPixel: (1,),
            Base.BitsPerSample: (self.tags.first(Base.BitsPerSample),),
            Base.PhotometricInterpretation: (_BLACK_IS_ZERO,),
        }
        layout = {tag: entry for tag, entry in self.tags.entries.items() if tag in _LAYOUT}
        with TiffImageFile(BytesIO(self._with(layout, changes, bytearray(self.tags.data)))) as picture:
            picture.load()
            return arrays.from_pillow(picture)[0][..., 0]

    def _with(self, entries: dict[int, bytes], changes: _Tags, block: bytearray) -> bytes:
        """Returns the block with these entries as its first directory."""
        entries = dict(entries)
        for tag, values in changes.items():
            numbers = struct.pack(f"{self.tags.order}{len(values)}I", *values)
            if len(values) > 1:
                numbers = struct.pack(f"{self.tags.order}I", append(block, numbers))
            entries[tag] = struct.pack(f"{self.tags.order}HHI", tag, _LONG, len(values)) + numbers
        directory = b"".join(entries[tag] for tag in sorted(entries))
        start = append(block, struct.pack(f"{self.tags.order}H", len(entries)) + directory + bytes(4))
        struct.pack_into(f"{self.tags.order}I", block, 4, start)
        return bytes(block)


def needed(data: bytes) -> Rearrangement | None:
    """Returns how to rearrange the samples of a TIFF.

    Args:
        data: The whole file, a classic TIFF. Others need nothing.

    Returns:
        The rearrangement. None if Pillow and OpenCV read the file as it is, or would not read it rearranged.
    """
    try:
        tags = first_directory(data)
        return Rearrangement(tags) if tags and _is_unusual(tags) else None
    except struct.error:  # Pillow says what is damaged
        return None


def _is_unusual(tiff: Directory) -> bool:
    bits, formats = set(tiff.values(Base.BitsPerSample)), set(tiff.values(_SAMPLE_FORMAT))
    samples, compression = tiff.first(Base.SamplesPerPixel), tiff.first(Base.Compression)
    photometric = tiff.first(Base.PhotometricInterpretation, _WHITE_IS_ZERO)
    colours = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3}.get(photometric, 0)
    if not colours or not max(colours, 2) <= samples <= _MOST_SAMPLES:
        return False
    if formats - {_UNSIGNED} or compression in _JPEG:
        return False
    interleaved = tiff.first(Base.PlanarConfiguration) != _SEPARATE
    if bits == {16}:
        return not (interleaved and colours == 3 and samples < 5 and compression in _KNOWN_TO_OPENCV)
    with_alpha = interleaved and samples == colours + 1 and photometric != _WHITE_IS_ZERO
    return bits == {8} and samples > colours and not with_alpha
