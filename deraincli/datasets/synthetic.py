"""A set of rainy and clean pictures made from clean photos.

planned = plan(photos, folder, copies=1).pairs
make(planned[0], SynthesisRequest(recipe, seed=1), …)      # input/NAME.png, target/NAME.png, mask/NAME.png
"""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deraincli._version import __version__
from deraincli.errors import InputError, OutputError, UsageError
from deraincli.files.atomic import write_atomically
from deraincli.files.folders import make_folder
from deraincli.files.walk import natural_path, walk
from deraincli.imaging.decode import content_format, decode
from deraincli.imaging.display import to_display_rgb
from deraincli.imaging.encode import encode
from deraincli.imaging.image import Image
from deraincli.rain.synthesis import Recipe, synthesise

HEAD = 1 << 16
"""Bytes at the start of a file in which the note on how it was made must lie."""


@dataclass(frozen=True)
class SynthesisRequest:
    """Which rain, drawn from which seed."""

    recipe: Recipe
    seed: int


@dataclass(frozen=True)
class PlannedPair:
    """One pair to make."""

    photo: Path
    name: str
    """The photo below the folder that was given, with / between the parts; seeds go by it."""
    copy: int
    """Which of several pairs of this photo, from 0."""
    folder: Path
    """Where `input`, `target` and `mask` lie."""
    stem: str

    @property
    def files(self) -> dict[str, Path]:
        """The three files by what they show, in the order they are written: the rainy one ends a pair."""
        return {side: self.folder / side / f"{self.stem}.png" for side in ("mask", "target", "input")}


@dataclass(frozen=True)
class Plan:
    """The pairs to make, and what had to be left out."""

    pairs: list[PlannedPair]
    unlisted: list[InputError]
    """An error for each sub-folder that cannot be listed."""


def plan(source: Path, destination: Path, copies: int) -> Plan:
    """Plans the pairs to make of a photo, or of all photos below a folder, as one paired set.

    Pairs of a photo in a sub-folder are called SUB-NAME; with several copies, NAME-1, NAME-2, …. Hidden files
    and the contents of `destination` are left out.

    Raises:
        InputError: there is no photo, or the folder cannot be listed.
        UsageError: the folders are one and the same, or two pairs would have the same name.
    """
    if os.path.realpath(source) == os.path.realpath(destination):
        raise UsageError(
            f"The pairs cannot be written into '{source}' itself: choose another folder with -o."
        )
    top = source if source.is_dir() else source.parent
    plans = []
    photos, unlisted = _photos(source, destination)
    for photo in photos:
        name = photo.relative_to(top)
        for copy in range(copies):
            stem = "-".join([*name.parent.parts, photo.stem, *([str(copy + 1)] if copies > 1 else [])])
            plans.append(PlannedPair(photo, name.as_posix(), copy, destination, stem))
    _refuse_namesakes(plans)
    return Plan(plans, unlisted)


def finished(planned: PlannedPair, request: SynthesisRequest, *, overwrite: bool) -> bool:
    """Whether the pair is there already, made in the very same way.

    Raises OutputError if a file of its name is there that was made otherwise, unless it may be overwritten.
    """
    if overwrite:
        return False
    note = _note(planned, request)
    there = [path for path in planned.files.values() if path.exists()]
    for path in there:
        if not _made_by(path, note):
            raise OutputError(
                f"'{path}' exists and was made in another way: choose another folder, or allow replacing it "
                "with --overwrite."
            )
    return len(there) == len(planned.files)


def make(
    planned: PlannedPair, request: SynthesisRequest, *, max_pixels: int, overwrite: bool
) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Make a pair and write its files: 8-bit RGB in sRGB, and the mask in grey.

    The bytes depend on the request, the photo and its name alone, not on what else is made.

    Returns:
        (width, height), and sentences for the user.

    Raises:
        InputError: the photo cannot be read in full, or is too large.
        OutputError: a file cannot be written.
    """
    photo = decode(planned.photo, max_pixels=max_pixels)
    clean = to_display_rgb(photo)
    rainy, mask = synthesise(clean, request.recipe, _generator(planned, request.seed))
    # Rounded up, so that 0 in the file means no rain at all; the margin is for float32.
    share = np.ceil(mask * 255 - 1e-3).astype(np.uint8)
    note = _note(planned, request)
    pictures = {"mask": share[..., None], "target": clean, "input": rainy}
    for side, path in planned.files.items():
        make_folder(path.parent)
        replaceable = overwrite or (path.exists() and _made_by(path, note))
        write_atomically(path, _png(pictures[side], note), overwrite=replaceable)
    return (clean.shape[1], clean.shape[0]), photo.notes


def _photos(source: Path, destination: Path) -> tuple[list[Path], list[InputError]]:
    """Returns the photos, and an error for each sub-folder that cannot be listed."""
    if not source.is_dir():
        content_format(source)  # raises for a file that is no picture
        return [source], []
    found = walk(source, apart=destination)
    photos = sorted((source / name for name in (*found.names, *found.outside)), key=natural_path)
    unlisted = list(found.unlisted.values())
    if photos:
        return photos, unlisted
    if unlisted:
        raise unlisted[0]
    raise InputError(f"There are no photos in '{source}': name the folder that holds them.")


def _refuse_namesakes(plans: Sequence[PlannedPair]) -> None:
    first: dict[Path, PlannedPair] = {}
    for planned in plans:
        other = first.setdefault(planned.files["input"], planned)
        if other is not planned:
            raise UsageError(
                f"'{other.photo}' and '{planned.photo.name}' would make pairs of one name: rename one."
            )


def _generator(planned: PlannedPair, seed: int) -> np.random.Generator:
    """Depends on seed, name and copy; the same on file systems that decompose letters with accents."""
    name = unicodedata.normalize("NFC", planned.name).encode()
    return np.random.default_rng([seed, int.from_bytes(hashlib.sha256(name).digest()), planned.copy])


def _note(planned: PlannedPair, request: SynthesisRequest) -> bytes:
    """How a file was made, as the body of a PNG's tEXt chunk."""
    facts = {"deraincli": __version__, "photo": planned.name, "copy": planned.copy, "seed": request.seed}
    return b"Comment\0" + json.dumps(facts | asdict(request.recipe)).encode()


def _made_by(path: Path, note: bytes) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return note in file.read(HEAD)
    except OSError as error:
        raise OutputError(f"'{path}' is in the way and cannot be read: choose another folder.") from error


def _png(pixels: NDArray[np.uint8], note: bytes) -> bytes:
    picture = Image(
        np.ascontiguousarray(pixels),
        alpha=None,
        icc=None,
        exif=None,
        xmp=None,
        format="PNG",
        png_chunks=((b"tEXt", note),),
    )
    return encode(picture, "PNG")
