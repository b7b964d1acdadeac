"""The pictures from which training crops are cut, either clean photos or pairs of rainy and clean pictures.

All pictures are decoded once at the start, so that unreadable ones are known before the training. They stay
in memory as far as a budget allows. The others are read again for every crop.
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
from deraincli.imaging.colour import as_rgb, to_8_bit
from deraincli.imaging.decode import decode
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.imaging.image import Views
from deraincli.pixels import Picture, Pixels
from deraincli.runtime.parallel import ordered_map


class ImageSource(NamedTuple):
    """One scene on disk, either a photo or a pair."""

    path: Path
    """Path of the photo, or of the rainy picture of a pair."""
    read: Callable[[], Views]
    """Reads the scene. Raises InputError if a file cannot be decoded or the sizes of a pair differ."""


class ImagePool:
    """A fixed sequence of scenes, each of one or two aligned pictures that are at least as large as a crop.

    Attributes:
        skipped: One sentence for each scene that is left out. It is unreadable, it is too small, or its
            pictures differ in size.
        known: Scenes that belong to a known test set, with the name of the set. They are not left out.
    """

    def __init__(
        self, files: Sequence[ImageSource], *, smallest_side: int, budget: int, strict: bool
    ) -> None:
        """Reads all scenes once.

        Args:
            files: The scenes.
            smallest_side: Shortest allowed side in pixels. Smaller scenes are left out.
            budget: Bytes of decoded pictures to keep in memory.
            strict: Whether a scene that would be left out raises an error instead.

        Raises:
            InputError: `strict` is set and a scene would be left out.
        """
        self.skipped: list[str] = []
        self.known: list[tuple[Path, str]] = []
        self._files: list[ImageSource] = []
        self._kept: list[Views | None] = []
        used = 0
        attempt = partial(_attempt, smallest_side=smallest_side)
        attempts = ordered_map(attempt, files)
        for file, outcome in zip(files, attempts, strict=True):
            if isinstance(outcome, InputError):
                if strict:
                    raise outcome
                self.skipped.append(str(outcome))
                continue
            if outcome.known is not None:
                self.known.append((file.path, outcome.known))
            size = sum(view.nbytes for view in outcome.views)
            keep = used + size <= budget
            used += size if keep else 0
            self._files.append(file)
            self._kept.append(outcome.views if keep else None)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Views:
        return self._kept[index] or self._files[index].read()

    def release(self) -> None:
        """Frees the memory of the decoded pictures. Later calls read them again."""
        self._kept = [None] * len(self._files)


def clean_photos(folder: Path) -> list[ImageSource]:
    """Returns the photos of a folder that must hold clean photos only.

    Args:
        folder: The folder. Its sub-folders are included.

    Raises:
        InputError: There is no such folder, it cannot be listed, or it holds a paired set.
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
    """Returns the pictures of a folder and its sub-folders, sorted by path.

    A sub-folder that cannot be listed becomes a source that cannot be read, so that it is reported like an
    unreadable picture.

    Args:
        folder: The folder.

    Raises:
        InputError: The folder cannot be listed.
    """
    found = walk(folder)
    paths = sorted(folder / name for name in (*found.names, *found.outside))
    photos = [ImageSource(path, partial(_read_photo, path)) for path in paths]
    unlisted = [ImageSource(folder / name, partial(_refuse, error)) for name, error in found.unlisted.items()]
    return photos + unlisted


def pair_files(folder: Path) -> list[ImageSource]:
    """Returns the pairs of a folder in any layout that can be recognised.

    Args:
        folder: The folder of the set.

    Raises:
        InputError: There is no such folder, or it holds no pairs.
    """
    return [pair_file(pair) for pair in find_pairs(folder).pairs]


def pair_file(pair: Pair) -> ImageSource:
    """Returns a pair as a scene of two pictures, rainy and clean.

    Args:
        pair: The pair.
    """
    return ImageSource(pair.rainy, partial(_read_views, pair))


def eight_bit_rgb(pixels: Pixels) -> Picture:
    """Converts a picture to 8-bit RGB.

    Args:
        pixels: The picture, H×W×1 or H×W×3 of uint8 or uint16.

    Returns:
        The picture, H×W×3 of uint8.
    """
    return as_rgb(to_8_bit(pixels) if pixels.dtype == np.uint16 else pixels)


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
    """Name of the test set to which one of the pictures belongs, or None."""


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
