"""Makes a set of rainy and clean pictures from clean photos.

Example:
    planned = plan(photos, folder, copies=1).pairs
    make(planned[0], SynthesisRequest(recipe, seed=1), max_pixels=100_000_000, overwrite=False)

This writes `input/NAME.png`, `target/NAME.png` and `mask/NAME.png`.
"""

from __future__ import annotations

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
from deraincli.files.text_hash import text_sha256
from deraincli.files.walk import natural_path, walk
from deraincli.imaging.decode import content_format, decode, file_sha256
from deraincli.imaging.display import to_display_rgb
from deraincli.imaging.encode import encode
from deraincli.imaging.image import Image
from deraincli.rain.synthesis import Recipe, synthesise

HEAD = 1 << 16
"""Number of bytes at the start of a file that are searched for the note on how it was made."""
LONGEST_NAME = 255
"""Bytes of the longest name that file systems hold."""


@dataclass(frozen=True)
class SynthesisRequest:
    """The rain to add, and the seed of its randomness."""

    recipe: Recipe
    """Kind and strength of the rain."""
    seed: int
    """The seed, 0 or larger."""


@dataclass(frozen=True)
class PlannedPair:
    """One pair to make."""

    photo: Path
    """The clean photo."""
    name: str
    """Path of the photo relative to the given folder, with / between the parts. The rain depends on it."""
    copy: int
    """Number of the pair among those of the photo, from 0."""
    folder: Path
    """The folder of `input`, `target` and `mask`."""
    stem: str
    """Stem of the pair's file names."""

    @property
    def files(self) -> dict[str, Path]:
        """The three files by their folders, in the order in which they are written.

        The rainy picture is last, so a pair that has it is complete.
        """
        return {side: self.folder / side / f"{self.stem}.png" for side in ("mask", "target", "input")}


@dataclass(frozen=True)
class SynthesisPlan:
    """The pairs to make, and the folders that are left out."""

    pairs: list[PlannedPair]
    """The pairs to make."""
    unlisted: list[InputError]
    """An error for each sub-folder that cannot be listed."""


def plan(source: Path, destination: Path, copies: int) -> SynthesisPlan:
    """Plans the pairs of one paired set.

    The pair of a photo in a sub-folder is called SUB-NAME. Several copies are called NAME-1, NAME-2, ….
    Hidden files and the contents of `destination` are left out.

    Args:
        source: A photo, or a folder of photos. Its sub-folders are included.
        destination: The folder of the set.
        copies: Number of pairs for each photo, at least 1.

    Raises:
        InputError: There is no photo, the file is not a picture, or no folder can be listed.
        UsageError: Source and destination are the same folder, two pairs would have the same name, or
            the name of one would be too long.
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
    _check_names(plans)
    return SynthesisPlan(plans, unlisted)


def finished(planned: PlannedPair, request: SynthesisRequest, *, overwrite: bool) -> bool:
    """Returns whether a pair exists already and was made in the same way from the same photo.

    Args:
        planned: The pair.
        request: The rain to add.
        overwrite: Whether existing files may be replaced. If so, no pair counts as finished.

    Raises:
        OutputError: A file of the pair exists and was made in another way, or cannot be read.
    """
    if overwrite:
        return False
    there = [path for path in planned.files.values() if path.exists()]
    if not there:
        return False
    try:
        note = _note(planned, request)
    except InputError:  # which `make` reports
        return False
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
    """Makes a pair and writes its files, two 8-bit pictures in sRGB and a grey mask.

    The files depend only on the request, the photo, its name and the number of the copy. They do not depend
    on other pairs.

    Args:
        planned: The pair.
        request: The rain to add.
        max_pixels: Largest number of pixels that is read.
        overwrite: Whether existing files that were made in another way may be replaced.

    Returns:
        The width and the height in pixels, and sentences for the user.

    Raises:
        InputError: The photo cannot be read completely, or is too large.
        OutputError: A file cannot be written.
    """
    photo = decode(planned.photo, max_pixels=max_pixels)
    clean = to_display_rgb(photo)
    rainy, mask = synthesise(clean, request.recipe, _generator(planned, request.seed))
    # The mask is rounded up, so that 0 in the file means no rain at all. The margin is for float32 errors.
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
        content_format(source)  # raises for a file that is not a picture
        return [source], []
    found = walk(source, apart=destination)
    photos = sorted((source / name for name in (*found.names, *found.outside)), key=natural_path)
    unlisted = list(found.unlisted.values())
    if photos:
        return photos, unlisted
    if unlisted:
        raise unlisted[0]
    raise InputError(f"There are no photos in '{source}': name the folder that holds them.")


def _check_names(plans: Sequence[PlannedPair]) -> None:
    first: dict[Path, PlannedPair] = {}
    for planned in plans:
        file = planned.files["input"]
        if len(os.fsencode(file.name)) > LONGEST_NAME:
            raise UsageError(
                f"The pair of '{planned.photo}' would have the name '{file.name}', which is too long: rename "
                "the photo or its folders."
            )
        other = first.setdefault(file, planned)
        if other is not planned:
            raise UsageError(
                f"'{other.photo}' and '{planned.photo.name}' would make pairs of one name: rename one."
            )


def _generator(planned: PlannedPair, seed: int) -> np.random.Generator:
    """Returns a random generator that depends only on seed, name and copy.

    Accents in the name count alike on all file systems, some of which store them as separate characters.
    """
    name = unicodedata.normalize("NFC", planned.name)
    return np.random.default_rng([seed, int(text_sha256(name), 16), planned.copy])


def _note(planned: PlannedPair, request: SynthesisRequest) -> bytes:
    """Returns a note on how a file was made, as the body of a PNG's tEXt chunk.

    Raises:
        InputError: The photo cannot be read.
    """
    photo = {"photo": planned.name, "sha256": file_sha256(planned.photo), "copy": planned.copy}
    facts = {"deraincli": __version__, **photo, "seed": request.seed}
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
    picture = Image(np.ascontiguousarray(pixels), "PNG", png_chunks=((b"tEXt", note),))
    return encode(picture, "PNG")
