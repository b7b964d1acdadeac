"""One picture from file to file: decode → restore → encode → write."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.geometry import Size
from deraincli.imaging.decode import decode
from deraincli.imaging.encode import encode, fit_to_format
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.imaging.image import Image
from deraincli.inference.tiled import Restored
from deraincli.restoration.change import Change, measure_change
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
    size: Size
    seconds: float
    """Restoring and encoding."""
    tile: str
    """Size of the tiles, width×height."""
    model: str
    """Name of the model that restored it."""
    change: Change
    """The difference from the picture as it was read."""


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
    derainer: Derainer, source: Path | bytes, options: SaveOptions, *, max_pixels: int = DEFAULT_MAX_PIXELS
) -> RestoredFile:
    """Restores the picture in a file or in bytes. Raises as `read_for` and `restore_picture` do."""
    return restore_picture(derainer, read_for(options, source, max_pixels=max_pixels), options)


def restore_picture(
    derainer: Derainer,
    picture: Image,
    options: SaveOptions,
    *,
    on_progress: OnProgress | None = None,
    on_note: OnWarning | None = None,
) -> RestoredFile:
    """Restores and encodes a picture that `read_for` has read for the same options.

    Raises:
        OutputError: The format cannot hold it.
        DeviceError: It does not fit in memory.
    """
    start = time.perf_counter()
    result = derainer.restore(picture.pixels, on_progress=on_progress, on_warning=on_note)
    data = encode_restored(picture, result, options)
    return RestoredFile(
        data,
        size=Size(*picture.pixels.shape[:2]),
        seconds=time.perf_counter() - start,
        tile=str(result.tile),
        model=result.model,
        change=measure_change(picture.pixels, result.image),
    )


def encode_restored(picture: Image, result: Restored, options: SaveOptions) -> bytes:
    """Encodes what a picture was restored to, with the picture's metadata.

    Args:
        picture: The picture as `read_for` read it for the same options.
        result: What the model made of its pixels.
        options: How it is written.

    Raises:
        OutputError: The format cannot hold it.
    """
    restored = dataclasses.replace(picture, pixels=result.image)
    return encode(restored, options.format, quality=options.quality, keep_metadata=options.keep_metadata)
