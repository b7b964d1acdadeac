"""One picture from file to file: decode → restore → encode → write."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.imaging.decode import decode
from deraincli.imaging.encode import encode, fit_to_format
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.imaging.image import Image
from deraincli.restoration.derainer import Derainer


@dataclass(frozen=True)
class SaveOptions:
    """How a restored picture is written."""

    format: str
    """A key of `imaging.formats.FORMATS`."""
    quality: int | None = None
    """1–100 for lossy formats; None for their default."""
    keep_metadata: bool = True


@dataclass(frozen=True)
class RestoredFile:
    """What became of a picture."""

    data: bytes
    """The restored picture as a file's content."""
    width: int
    height: int
    seconds: float
    """Decoding, restoring and encoding."""
    tile: str
    """Size of the tiles, width×height."""
    model: str
    """Name of the model that restored it."""


def read_for(
    options: SaveOptions, source: Path | bytes, *, max_pixels: int, on_note: OnWarning | None = None
) -> Image:
    """Decodes a picture and brings it to what the output's format can hold.

    Raises InputError, UnreadableImageError or OutputError.
    """
    image = decode(source, max_pixels=max_pixels)
    image = fit_to_format(image, options.format, keep_metadata=options.keep_metadata)
    for note in image.notes:
        if on_note:
            on_note(note)
    return image


def restore_file(
    derainer: Derainer,
    source: Path | bytes,
    options: SaveOptions,
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    on_progress: OnProgress | None = None,
    on_note: OnWarning | None = None,
) -> RestoredFile:
    """Restores the picture in a file or in bytes; `on_note` hears what could not stay as it was.

    Raises InputError, UnreadableImageError, OutputError or DeviceError, before the long work where the
    picture already tells.
    """
    start = time.perf_counter()
    image = read_for(options, source, max_pixels=max_pixels, on_note=on_note)
    chosen = derainer.for_picture(image.pixels)
    result = chosen.restore(image.pixels, on_progress=on_progress, on_warning=on_note)
    image = dataclasses.replace(image, pixels=result.image)
    data = encode(image, options.format, quality=options.quality, keep_metadata=options.keep_metadata)
    height, width = image.pixels.shape[:2]
    return RestoredFile(data, width, height, time.perf_counter() - start, str(result.tile), chosen.name)
