"""Finds the mask of each picture of a batch."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from deraincli.errors import InputError
from deraincli.files.manifest import Job, Stamp, stamp
from deraincli.files.walk import pictures
from deraincli.restoration.control import ControlOptions


def control_of(job: Job, given: ControlOptions) -> ControlOptions:
    """Returns the strength and the masks for one picture.

    Args:
        job: The picture.
        given: What the user gave for all pictures. A mask may be a folder with a mask for each picture,
            which has the same name with the suffix of any picture format.

    Returns:
        The same with files in place of folders.

    Raises:
        InputError: A folder has no mask for the picture, or several.
    """
    return replace(given, mask=_mask_of(job, given.mask), protect=_mask_of(job, given.protect))


def check_shared(given: ControlOptions, *, max_pixels: int) -> None:
    """Reads the masks that all pictures share, so that a bad one ends the run before it begins.

    Args:
        given: What the user gave for all pictures.
        max_pixels: Larger masks are refused.

    Raises:
        InputError: A mask cannot be read, or the mask is black everywhere.
    """
    shared = (None if file is None or _is_folder(file) else file for file in (given.mask, given.protect))
    ControlOptions(given.strength, *shared).load(max_pixels=max_pixels).refuse_empty_mask()


def _mask_of(job: Job, given: Path | None) -> Path | None:
    if given is None or not _is_folder(given):
        return given
    place = given / job.name
    found = _by_stem(place.parent, stamp(place.parent)).get(place.stem, [])
    if place in found:
        return place
    if not found:
        raise InputError(
            f"There is no mask for '{job.source}' in '{given}': add '{place.with_suffix('.png')}', which "
            "may be white or black everywhere."
        )
    if len(found) > 1:
        names = ", ".join(f"'{file.name}'" for file in found)
        raise InputError(f"'{place.parent}' has several masks for '{job.source}' ({names}): keep one.")
    return found[0]


@lru_cache(maxsize=256)
def _by_stem(folder: Path, stamped: Stamp | None) -> dict[str, list[Path]]:
    """Returns the pictures of a folder by their names without suffixes."""
    found: dict[str, list[Path]] = {}
    for file in pictures(folder):
        found.setdefault(file.stem, []).append(file)
    return found


def _is_folder(given: Path) -> bool:
    return os.path.isdir(given)  # noqa: PTH112  # takes any name, however long
