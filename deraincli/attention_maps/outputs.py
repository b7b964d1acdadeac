"""Writes one picture's attention maps to files: their names and their content."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deraincli.attention_maps import render
from deraincli.attention_maps.figure import FigureFormat, figure
from deraincli.attention_maps.page import levels_of, maps_page
from deraincli.attention_maps.scores import Map
from deraincli.callbacks import OnProgress, OnWarning
from deraincli.errors import OutputError, UsageError, without_maps
from deraincli.files.atomic import check_destination, write_atomically
from deraincli.files.folders import make_folder
from deraincli.files.manifest import Job, Manifest, stamp
from deraincli.geometry import Size
from deraincli.imaging.decode import decode
from deraincli.imaging.display import to_display_rgb
from deraincli.imaging.encode import encode
from deraincli.imaging.image import Image
from deraincli.pixels import Picture, Pixels
from deraincli.restoration.derainer import Derainer


@dataclass(frozen=True, eq=False)
class Inspected:
    """A restored picture with the maps that steered it."""

    name: str
    """Name of the picture's file."""
    rainy: Image
    """The picture as it was read."""
    restored: Pixels
    """The restored pixels, H×W×C, of the same dtype."""
    model: str
    """Name of the model that restored it."""
    ram: Map
    """Attention map of the rainy regions."""
    cam: Map
    """Attention map of the clean regions."""
    levels: NDArray[np.float32]
    """The maps at every encoder level, L×2×H×W in 0–1, RAM first, as in `inference.tiled.Restored`."""
    strides: tuple[int, ...]
    """Input pixels per pixel of each level."""
    tile: Size
    """Size of the tiles."""


@dataclass(frozen=True)
class Wanted:
    """The files to write, and how they look."""

    alpha: float = 0.5
    """Weight of the heat map in overlays, 0–1."""
    threshold: float = 0.5
    """Value of RAM above which the mask shows rain, 0–1."""
    figure: FigureFormat | None = None
    """Format of the figure. None for no figure."""
    levels: bool = False
    """Whether the maps of every encoder level are written."""
    rain: bool = False
    """Whether the rain layer is written."""
    page: bool = False
    """Whether the HTML page with the maps of every level is written."""

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            UsageError: A number is not in 0–1.
        """
        for name, value in (("--alpha", self.alpha), ("--threshold", self.threshold)):
            if not 0 <= value <= 1:
                raise UsageError(f"{name} takes a number from 0 to 1, not {value}.")


def inspect_file(
    derainer: Derainer,
    source: Path,
    *,
    levels: bool,
    max_pixels: int,
    on_progress: OnProgress | None = None,
    on_note: OnWarning | None = None,
) -> Inspected:
    """Restores a picture and keeps its maps.

    Args:
        derainer: The model.
        source: The picture.
        levels: Whether to keep the maps of every encoder level too.
        max_pixels: Largest accepted number of pixels.
        on_progress: Called with the progress.
        on_note: Called with sentences for the user.

    Raises:
        ModelError: The network has no maps.
        UsageError: The network has no maps at encoder levels.
        DerainError: The picture cannot be read or restored.
    """
    if levels and not derainer.level_strides:
        raise UsageError(f"No maps enter encoder levels in {derainer.name}: leave --levels out.")
    image = decode(source, max_pixels=max_pixels)
    for note in image.notes:
        if on_note:
            on_note(note)
    result = derainer.restore(
        image.pixels, maps=True, levels=levels, on_progress=on_progress, on_warning=on_note
    )
    if result.ram is None or result.cam is None or result.levels is None:
        raise without_maps(derainer.name)
    return Inspected(
        source.name,
        image,
        result.image,
        result.model,
        result.ram,
        result.cam,
        result.levels,
        derainer.level_strides,
        result.tile,
    )


class MapFolder:
    """The folder that the files of all pictures go to.

    It remembers which settings each file was made with, so that a restart skips what is done, makes again
    what other settings made, and never replaces a file of other origin.
    """

    def __init__(self, folder: Path, wanted: Wanted, settings: str | None, *, overwrite: bool) -> None:
        """Opens the folder. It is made when the first file is written.

        Args:
            folder: Where the files go.
            wanted: The files to write.
            settings: The identity of model and settings. None if the folder gets no record.
            overwrite: Whether files of other origin are replaced, too.
        """
        self.folder = folder
        self._wanted = wanted
        self._settings = settings
        self._overwrite = overwrite
        self._manifest = Manifest(folder) if settings is not None else None

    def check(self) -> None:
        """Checks, before the work, that the folder can be written.

        Raises:
            OutputError: The folder cannot be written.
        """
        folder = self.folder
        there = next(parent for parent in (folder, *folder.absolute().parents) if os.path.lexists(parent))
        if not there.is_dir():
            raise OutputError(
                f"'{there}' is not a folder, so nothing can be written to '{folder}': choose another."
            )
        if not os.access(there, os.W_OK | os.X_OK):
            raise OutputError(f"The folder '{there}' is not writable: choose another output.")

    def check_files(self, name: str, source: Path) -> None:
        """Checks, before the work, that all files of a picture can be written.

        Raises:
            OutputError: A file cannot be written.
        """
        for job in self._jobs(name, source):
            if job.destination.parent.is_dir():
                check_destination(job.destination, overwrite=self._may_replace(job))

    def is_done(self, name: str, source: Path) -> bool:
        """Returns whether every file of a picture is there, made from it with these settings."""
        if self._overwrite or self._manifest is None or self._settings is None:
            return False
        return all(self._manifest.is_done(job, self._settings) for job in self._jobs(name, source))

    def write(self, inspected: Inspected, name: str, source: Path) -> list[Path]:
        """Writes the files of a picture, and makes their folder.

        Each file is written whole or not at all. If one fails, those before it are removed, so that the same
        command can begin anew.

        Args:
            inspected: The picture with its maps.
            name: Beginning of the files' names, sub-folders included.
            source: The picture's file.

        Returns:
            The files.

        Raises:
            OutputError: A file cannot be written, or a file of other origin has its name.
        """
        jobs = self._jobs(name, source)
        make_folder(jobs[0].destination.parent)
        made_from = stamp(source)
        written: list[Path] = []
        try:
            for job, make in zip(jobs, _writers(self._wanted).values(), strict=True):
                data = make(inspected)
                may_replace = self._may_replace(job)
                check_destination(job.destination, overwrite=may_replace)
                if self._manifest is not None and self._settings is not None:
                    self._manifest.record(job, made_from, self._settings, data)
                write_atomically(job.destination, data, overwrite=may_replace)
                written.append(job.destination)
        except BaseException:
            for path in [] if self._overwrite else written:
                path.unlink(missing_ok=True)
            raise
        return written

    def _may_replace(self, job: Job) -> bool:
        return self._overwrite or (self._manifest is not None and self._manifest.may_replace(job))

    def _jobs(self, name: str, source: Path) -> list[Job]:
        """Returns each file that is wanted of a picture with the picture that it is made from."""
        picture = f"{name}{source.suffix}"
        return [Job(source, picture, self.folder, f"{name}.{suffix}") for suffix in _writers(self._wanted)]


def _writers(wanted: Wanted) -> dict[str, Callable[[Inspected], bytes]]:
    """Returns the functions that make each file's content, by the end of the file's name."""
    files: dict[str, Callable[[Inspected], bytes]] = {
        "ram.png": lambda it: _png(render.with_scale(render.heat_map(it.ram), "RAM")),
        "cam.png": lambda it: _png(render.with_scale(render.heat_map(it.cam), "CAM")),
        "ram-overlay.png": lambda it: _png(render.overlay(to_display_rgb(it.rainy), it.ram, wanted.alpha)),
        "cam-overlay.png": lambda it: _png(render.overlay(to_display_rgb(it.rainy), it.cam, wanted.alpha)),
        "ram-16bit.png": lambda it: _png(render.as_16_bit(it.ram)),
        "cam-16bit.png": lambda it: _png(render.as_16_bit(it.cam)),
        "ram.npy": lambda it: _npy(it.ram),
        "cam.npy": lambda it: _npy(it.cam),
        "mask.png": lambda it: _png(render.rain_mask(it.ram, wanted.threshold)),
    }
    if wanted.rain:
        files["rain.png"] = lambda it: _png(render.rain_layer(it.rainy.pixels, it.restored))
    if wanted.levels:
        files["levels.png"] = lambda it: _png(render.level_sheet(it.levels, it.strides))
    if wanted.page:
        files["maps.html"] = lambda it: _page(it, wanted)
    format = wanted.figure
    if format is not None:
        files[f"figure.{format}"] = lambda it: figure(
            to_display_rgb(it.rainy), it.ram, it.cam, _restored_view(it), format
        )
    return files


KINDS = frozenset(
    suffix.partition(".")[0] for suffix in _writers(Wanted(figure="png", levels=True, rain=True, page=True))
)
"""The parts between a picture's name and the suffix in the names of its files."""


def _restored_view(inspected: Inspected) -> Picture:
    return to_display_rgb(replace(inspected.rainy, pixels=inspected.restored))


def _page(inspected: Inspected, wanted: Wanted) -> bytes:
    page = maps_page(
        inspected.name,
        inspected.model,
        (to_display_rgb(inspected.rainy), _restored_view(inspected)),
        levels_of(inspected.ram, inspected.cam, inspected.levels, inspected.strides),
        alpha=wanted.alpha,
        threshold=wanted.threshold,
    )
    return page.encode()


def _png(pixels: Pixels) -> bytes:
    picture = Image(np.ascontiguousarray(pixels), "PNG")
    return encode(picture, "PNG")


def _npy(attention: Map) -> bytes:
    file = io.BytesIO()
    np.save(file, attention, allow_pickle=False)
    return file.getvalue()
