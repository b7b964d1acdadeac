"""Restores one picture from file to file: decodes, restores and encodes it."""

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
from deraincli.inference.change import Change, measure_change
from deraincli.inference.tiled import RainKinds, Restored
from deraincli.restoration.control import Control
from deraincli.restoration.derainer import AttentionMaps, Derainer


@dataclass(frozen=True)
class SaveOptions:
    """How a restored picture is written."""

    format: str
    """A key of `imaging.formats.FORMATS`."""
    quality: int | None = None
    """Quality of lossy formats, 1–100. None stands for the format's default."""
    keep_metadata: bool = True
    """Whether the metadata of the picture is kept."""


@dataclass(frozen=True)
class RestoredFile:
    """A restored picture, and how it was restored."""

    data: bytes
    """Content of the file of the restored picture."""
    size: Size
    """Size of the picture in pixels."""
    seconds: float
    """Seconds for restoring and encoding."""
    tile: str
    """Size of the tiles, width×height."""
    sides: tuple[int, ...]
    """Shorter sides of the picture in the passes, pixels."""
    model: str
    """Name of the model that restored it."""
    change: Change
    """The difference from the picture as it was read."""
    maps: AttentionMaps
    """The attention maps, if they were asked for and the network has them."""
    rain: RainKinds | None = None
    """The rain by which the model was chosen. None if the user chose the model."""

    def record(self, derainer: Derainer, read_seconds: float) -> dict[str, object]:
        """Returns how the picture was restored as a JSON object.

        Args:
            derainer: The model that was called.
            read_seconds: Seconds that decoding took.
        """
        return {
            "status": "done",
            "width": self.size.width,
            "height": self.size.height,
            "seconds": round(read_seconds + self.seconds, 4),
            "model": self.model,
            "device": derainer.device,
            "precision": derainer.precision,
            "tile": self.tile,
            "working_sides": list(self.sides),
            **self.change.record(),
            "rain": self.rain.record() if self.rain else None,
        }


def read_for(
    options: SaveOptions, source: Path | bytes, *, max_pixels: int, on_note: OnWarning | None = None
) -> Image:
    """Decodes a picture and converts it to what the output's format can hold.

    Args:
        options: How the restored picture is written.
        source: The picture's file, or its content.
        max_pixels: Largest number of pixels that is read.
        on_note: Receives sentences for the user.

    Returns:
        The picture, for `restore_picture` with the same options.

    Raises:
        InputError: The picture cannot be read, or is too large. A damaged or incomplete picture raises its
            subclass UnreadableImageError.
        OutputError: The format cannot hold the picture.
    """
    image = decode(source, max_pixels=max_pixels)
    image = fit_to_format(image, options.format, keep_metadata=options.keep_metadata)
    for note in (*image.left_out, *image.notes):
        if on_note:
            on_note(note)
    return image


def restore_file(
    derainer: Derainer,
    source: Path | bytes,
    options: SaveOptions,
    *,
    control: Control | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> RestoredFile:
    """Restores a picture and returns the content of its result's file.

    Args:
        derainer: The loaded model.
        source: The picture's file, or its content.
        options: How the restored picture is written.
        control: The share of the change that is applied. None stands for all of it.
        max_pixels: Largest number of pixels that is read.

    Raises:
        InputError: The picture cannot be read or is too large, or a mask has other proportions.
        OutputError: The format cannot hold the picture.
        DeviceError: Not even the smallest tile fits in memory.
        ModelError: The network's output is not finite.
    """
    return restore_picture(
        derainer, read_for(options, source, max_pixels=max_pixels), options, control=control
    )


def restore_picture(
    derainer: Derainer,
    picture: Image,
    options: SaveOptions,
    *,
    control: Control | None = None,
    maps: bool = False,
    on_progress: OnProgress | None = None,
    on_note: OnWarning | None = None,
) -> RestoredFile:
    """Restores and encodes a picture.

    Args:
        derainer: The loaded model.
        picture: The picture, as `read_for` returned it for the same options.
        options: How the restored picture is written.
        control: The share of the change that is applied. None stands for all of it.
        maps: Whether to return the attention maps, if the network has them.
        on_progress: Receives the number of finished tiles and the number of all tiles.
        on_note: Receives sentences for the user.

    Raises:
        InputError: A mask has other proportions.
        OutputError: The format cannot hold the picture.
        DeviceError: Not even the smallest tile fits in memory.
        ModelError: The network's output is not finite.
        UsageError: The backend gives no maps.
    """
    start = time.perf_counter()
    result = derainer.restore_in_part(
        picture.pixels, control or Control(), maps=maps, on_progress=on_progress, on_warning=on_note
    )
    data = encode_restored(picture, result, options)
    return RestoredFile(
        data,
        size=Size(*picture.pixels.shape[:2]),
        seconds=time.perf_counter() - start,
        tile=str(result.tile),
        sides=result.sides,
        model=result.model,
        change=measure_change(picture.pixels, result.image),
        maps=AttentionMaps(result.ram, result.cam),
        rain=result.rain,
    )


def encode_restored(picture: Image, result: Restored, options: SaveOptions) -> bytes:
    """Encodes a restored picture.

    Args:
        picture: The picture before its restoration, as `read_for` returned it for the same options. Its
            metadata is used.
        result: The restored picture.
        options: How the restored picture is written.

    Returns:
        The content of the file.

    Raises:
        OutputError: The format cannot hold the picture.
    """
    restored = dataclasses.replace(picture, pixels=result.image)
    return encode(restored, options.format, quality=options.quality, keep_metadata=options.keep_metadata)
