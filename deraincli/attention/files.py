"""One picture's attention maps as files: what each is called and what is in it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deraincli.attention import pictures
from deraincli.attention.figure import FigureFormat, figure
from deraincli.attention.scores import Map
from deraincli.contact_sheet import Picture
from deraincli.derainer import Derainer
from deraincli.errors import ModelError, OutputError, UsageError
from deraincli.geometry import Size
from deraincli.imaging.codec import Image, check_destination, decode, encode, write_atomically
from deraincli.imaging.image import Pixels
from deraincli.imaging.viewable import viewable
from deraincli.inference.restore import OnProgress, OnWarning


@dataclass(frozen=True, eq=False)
class Inspected:
    """A restored picture with the maps that steered it."""

    rainy: Image
    restored: Pixels
    """H×W×C, of the same dtype."""
    ram: Map
    cam: Map
    levels: NDArray[np.float32]
    """As in `inference.restore.Restored`."""
    strides: tuple[int, ...]
    """Input pixels per pixel of each level."""
    tile: Size


@dataclass(frozen=True)
class Wanted:
    """What is written, and how it looks."""

    alpha: float = 0.5
    """Weight of the heat map in overlays, 0–1."""
    threshold: float = 0.5
    """RAM above it is rain in the mask."""
    figure: FigureFormat | None = None
    levels: bool = False
    rain: bool = False


def inspect_file(
    derainer: Derainer,
    source: Path,
    *,
    levels: bool,
    max_pixels: int,
    on_progress: OnProgress | None = None,
    on_note: OnWarning | None = None,
) -> Inspected:
    """Restores a picture and keeps its maps; `levels` those of every encoder level too.

    Raises ModelError if the network has no maps, UsageError if it has no such levels, and what
    `decode` and `Derainer.restore` raise.
    """
    if levels and not derainer.level_strides:
        raise UsageError(f"No maps enter encoder levels in {derainer.name}: leave --levels out.")
    image = decode(source, max_pixels=max_pixels)
    result = derainer.restore(
        image.pixels, maps=True, levels=levels, on_progress=on_progress, on_warning=on_note
    )
    if result.ram is None or result.cam is None or result.levels is None:
        raise ModelError(f"{derainer.name} has no attention maps: choose a BAL-Net with --model.")
    return Inspected(
        image, result.image, result.ram, result.cam, result.levels, derainer.level_strides, result.tile
    )


def check_destinations(folder: Path, names: Iterable[str], wanted: Wanted, *, overwrite: bool) -> None:
    """Makes the folder and finds out, before the work, what cannot be written there. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder '{folder}' cannot be made: {error.strerror or error}.") from error
    for name in names:
        for suffix in _writers(wanted):
            check_destination(folder / f"{name}.{suffix}", overwrite=overwrite)


def write_files(
    inspected: Inspected, folder: Path, name: str, wanted: Wanted, *, overwrite: bool
) -> list[Path]:
    """Writes what is wanted as `folder/name.…`, each file whole or not at all. Raises OutputError."""
    written = []
    for suffix, make in _writers(wanted).items():
        path = folder / f"{name}.{suffix}"
        write_atomically(path, make(inspected), overwrite=overwrite)
        written.append(path)
    return written


def _writers(wanted: Wanted) -> dict[str, Callable[[Inspected], bytes]]:
    """What follows the picture's name in each file's name → what makes the file's content."""
    files: dict[str, Callable[[Inspected], bytes]] = {
        "ram.png": lambda it: _png(pictures.with_scale(pictures.heat_map(it.ram), "RAM")),
        "cam.png": lambda it: _png(pictures.with_scale(pictures.heat_map(it.cam), "CAM")),
        "ram-overlay.png": lambda it: _png(pictures.overlay(viewable(it.rainy), it.ram, wanted.alpha)),
        "cam-overlay.png": lambda it: _png(pictures.overlay(viewable(it.rainy), it.cam, wanted.alpha)),
        "ram-16bit.png": lambda it: _png(pictures.as_16_bit(it.ram)),
        "cam-16bit.png": lambda it: _png(pictures.as_16_bit(it.cam)),
        "ram.npy": lambda it: _npy(it.ram),
        "cam.npy": lambda it: _npy(it.cam),
        "mask.png": lambda it: _png(pictures.rain_mask(it.ram, wanted.threshold)),
    }
    if wanted.rain:
        files["rain.png"] = lambda it: _png(pictures.rain_layer(it.rainy.pixels, it.restored))
    if wanted.levels:
        files["levels.png"] = lambda it: _png(pictures.level_sheet(it.levels, it.strides))
    format = wanted.figure
    if format is not None:
        files[f"figure.{format}"] = lambda it: figure(
            viewable(it.rainy), it.ram, it.cam, _restored_view(it), format
        )
    return files


def _restored_view(inspected: Inspected) -> Picture:
    return viewable(replace(inspected.rainy, pixels=inspected.restored))


def _png(pixels: Pixels) -> bytes:
    picture = Image(np.ascontiguousarray(pixels), alpha=None, icc=None, exif=None, xmp=None, format="PNG")
    return encode(picture, "PNG")


def _npy(attention: Map) -> bytes:
    file = io.BytesIO()
    np.save(file, attention, allow_pickle=False)
    return file.getvalue()
