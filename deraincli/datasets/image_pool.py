"""The pictures that training crops are cut from: clean photos, or pairs of rainy and clean ones.

All are decoded once at the start, so that what cannot be read is known before training rather than in the
middle of it. They stay in memory as far as a budget allows; the others are read again for every crop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from deraincli.datasets.layouts import clean_side
from deraincli.datasets.leakage import known_set_of_any
from deraincli.datasets.pairs import Pair, find_pairs, read_pair
from deraincli.errors import InputError
from deraincli.files.walk import walk
from deraincli.imaging.colour import as_rgb
from deraincli.imaging.decode import decode
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.imaging.image import Picture, Pixels, Views
from deraincli.parallel import ordered_map, usable_cpus


class ImageSource(NamedTuple):
    """One scene on disk."""

    path: Path
    """Of the photo, or of the rainy picture of a pair."""
    read: Callable[[], Views]
    """Raises InputError, naming the file, if it cannot be decoded or a pair has two sizes."""


class ImagePool:
    """A fixed sequence of scenes, each aligned pictures of at least a crop's size.

    skipped: a sentence for every scene left out: unreadable, too small, or of two sizes.
    known: scenes that belong to a known test set, with its name; they are not left out.
    """

    def __init__(
        self, files: Sequence[ImageSource], *, smallest_side: int, budget: int, strict: bool
    ) -> None:
        """Reads everything once.

        Args:
            files: the scenes.
            smallest_side: scenes with a shorter side, in pixels, are left out.
            budget: bytes of decoded pictures to keep in memory.
            strict: raise InputError for the first scene that would be left out.
        """
        self.skipped: list[str] = []
        self.known: list[tuple[Path, str]] = []
        self._files: list[ImageSource] = []
        self._kept: list[Views | None] = []
        used = 0
        workers = min(8, usable_cpus())
        attempt = partial(_attempt, smallest_side=smallest_side)
        attempts = ordered_map(attempt, files, workers=workers, ahead=2 * workers)
        for file, outcome in zip(files, attempts, strict=True):
            if isinstance(outcome, InputError):
                if strict:
                    raise outcome
                self.skipped.append(str(outcome))
                continue
            if outcome.known is not None:
                self.known.append((file.path, outcome.known))
            used += sum(view.nbytes for view in outcome.views)
            self._files.append(file)
            self._kept.append(outcome.views if used <= budget else None)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Views:
        return self._kept[index] or self._files[index].read()


def clean_photos(folder: Path) -> list[ImageSource]:
    """The `photo_files` of a folder of clean photos.

    Raises InputError if there is no such folder, or a paired set is in it, half of which is rainy.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder of photos '{folder}': check its name.")
    clean = clean_side(folder)
    if clean is not None:
        raise InputError(
            f"'{folder}' holds pairs, not clean photos alone: name '{clean}' or other folders of photos."
        )
    return photo_files(folder)


def photo_files(folder: Path) -> list[ImageSource]:
    """Returns every picture below a folder in the order of their paths.

    A sub-folder that cannot be listed is a source that cannot be read, so it is reported as pictures are.

    Raises:
        InputError: The folder cannot be listed.
    """
    found = walk(folder)
    paths = sorted(folder / name for name in (*found.names, *found.outside))
    photos = [ImageSource(path, partial(_read_photo, path)) for path in paths]
    unlisted = [ImageSource(folder / name, partial(_refuse, error)) for name, error in found.unlisted.items()]
    return photos + unlisted


def pair_files(folder: Path) -> list[ImageSource]:
    """Every pair of a folder, in any layout that is recognised. Raises InputError if nothing pairs."""
    return [pair_file(pair) for pair in find_pairs(folder).pairs]


def pair_file(pair: Pair) -> ImageSource:
    """A pair as a scene of two views, rainy and clean."""
    return ImageSource(pair.rainy, partial(_read_views, pair))


def eight_bit_rgb(pixels: Pixels) -> Picture:
    """H×W×1 or H×W×3, uint8 or uint16, to H×W×3 uint8."""
    if pixels.dtype == np.uint16:
        pixels = np.rint(pixels / 257).astype(np.uint8)
    return as_rgb(pixels)


def _read_photo(path: Path) -> Views:
    return (eight_bit_rgb(decode(path, max_pixels=DEFAULT_MAX_PIXELS).pixels),)


def _refuse(error: InputError) -> NoReturn:
    raise error


def _read_views(pair: Pair) -> Views:
    rainy, clean = read_pair(pair, max_pixels=DEFAULT_MAX_PIXELS)
    return eight_bit_rgb(rainy), eight_bit_rgb(clean)


class _Found(NamedTuple):
    views: Views
    known: str | None
    """The test set that one of the views belongs to."""


def _attempt(file: ImageSource, smallest_side: int) -> _Found | InputError:
    try:
        views = file.read()
    except InputError as error:
        return error
    height, width = views[0].shape[:2]
    if min(height, width) < smallest_side:
        return InputError(
            f"'{file.path}' is {width}×{height}, smaller than a crop of {smallest_side} pixels: "
            "take it out or lower data.crop."
        )
    return _Found(views, known_set_of_any(views))
