"""Finds the pictures in a folder and its sub-folders.

This is the only module that searches folders for pictures. It skips hidden files and hidden folders. It takes
no folder for a picture, whatever its name. It does not follow links to folders.

It uses `os.path` for files, because before Python 3.14 the methods of `Path` raise an error for a file in a
folder that the user may not open.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from deraincli.errors import InputError
from deraincli.files.manifest import Manifest
from deraincli.imaging.formats import OTHER_PICTURE_SUFFIXES, PICTURE_SUFFIXES, VIDEO_SUFFIXES

DERAINED = ".derained"
"""Text added to the stem of a result that lies beside its picture."""


@dataclass
class Walk:
    """The contents of a folder and its sub-folders.

    Names are relative to the folder and have / between their parts. The names of a folder come before those
    of its sub-folders, both in natural order.
    """

    names: list[str] = field(default_factory=list)
    """Pictures in the folder and its sub-folders, links to them included."""
    outside: list[str] = field(default_factory=list)
    """Links to pictures outside the folder."""
    unsupported: list[str] = field(default_factory=list)
    """Files whose suffix is that of a video or of an unsupported picture format."""
    folders: list[str] = field(default_factory=list)
    """Sub-folders, links to folders included."""
    folder_links: int = 0
    """Number of links to folders."""
    unlisted: dict[str, InputError] = field(default_factory=dict)
    """Sub-folders that cannot be listed, each with its error."""

    def all_names(self) -> list[str]:
        """Returns `names` and `outside`, for work that may leave out no picture.

        Raises:
            InputError: A sub-folder cannot be listed.
        """
        for error in self.unlisted.values():
            raise error
        return [*self.names, *self.outside]

    def no_pictures(self, folder: Path) -> InputError:
        """Returns the error for a folder without pictures. It names files of other kinds, if there are some.

        Args:
            folder: The folder that was searched.
        """
        if not self.unsupported:
            return InputError(f"There are no pictures in '{folder}': name the folder that holds them.")
        return InputError(
            f"There are no pictures in '{folder}' that can be read here, but {len(self.unsupported)} of "
            f"other kinds, such as '{self.unsupported[0]}': convert them first."
        )


def walk(folder: Path, apart: Path | None = None) -> Walk:
    """Lists the pictures in a folder and its sub-folders, and the files that are left out.

    Args:
        folder: The folder.
        apart: A folder to skip. It may lie elsewhere.

    Raises:
        InputError: The folder itself cannot be listed.
    """
    top = _real(folder)
    left_out = None if apart is None else _real(apart)
    found = Walk()

    def note(error: OSError) -> None:
        place = Path(error.filename).relative_to(top)
        refusal = _unlisted(folder / place, error)
        if place == Path():
            raise refusal from error
        found.unlisted[place.as_posix()] = refusal

    for place, folders, files in os.walk(top, onerror=note):
        parent = Path(place)
        folders[:] = sorted(
            (name for name in folders if _visible(name) and parent / name != left_out), key=natural
        )
        found.folder_links += sum(os.path.islink(parent / name) for name in folders)
        found.folders.extend(_below(top, parent / name) for name in folders)
        found.unsupported.extend(
            _below(top, parent / name) for name in sorted(filter(_is_unsupported, files), key=natural)
        )
        for name in sorted(filter(_is_picture, files), key=natural):
            path = parent / name
            outside = os.path.islink(path) and not _real(path).is_relative_to(top)
            (found.outside if outside else found.names).append(_below(top, path))
    return found


def pictures(folder: Path) -> list[Path]:
    """Returns the pictures of a folder, without its sub-folders, in natural order.

    Args:
        folder: The folder. One that does not exist has no pictures.

    Raises:
        InputError: The folder cannot be listed.
    """
    if not os.path.isdir(folder):
        return []
    try:
        names = sorted(filter(_is_picture, os.listdir(folder)), key=natural)
    except OSError as error:
        raise _unlisted(folder, error) from error
    return [folder / name for name in names if not os.path.isdir(folder / name)]


def results_among(folder: Path, names: Collection[str]) -> set[str]:
    """Returns the names of those pictures that are results of earlier runs.

    The record of a folder names them, or they lie beside their pictures.

    Args:
        folder: The folder of the pictures.
        names: Names of pictures relative to the folder.
    """
    top = _real(folder)
    manifests = {place: _manifest(place) for place in (top, *top.parents)}
    results = _results_beside(names)
    for name in names:
        path = top / name
        for place in path.parents:
            if place not in manifests:
                manifests[place] = _manifest(place)
            manifest = manifests[place]
            if manifest is not None and manifest.wrote(path):
                results.add(name)
    return results


def _results_beside(names: Collection[str]) -> set[str]:
    """Returns the results that `derain image` wrote beside their pictures, as a.derained.jpg beside a.jpg.

    Args:
        names: Names of all pictures of a folder relative to it.
    """
    stems = {name: PurePosixPath(name).with_suffix("") for name in names}
    there = set(stems.values())
    return {name for name, stem in stems.items() if stem.suffix == DERAINED and stem.with_suffix("") in there}


def natural(name: str) -> list[tuple[int, str]]:
    """Returns a sort key for names by which 2 comes before 10.

    Args:
        name: A file's name.
    """
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def natural_path(path: Path) -> tuple[str, list[tuple[int, str]]]:
    """Returns a sort key for paths by folder first, and then by name so that 2 comes before 10.

    Args:
        path: A file's path.
    """
    return str(path.parent), natural(path.name)


def _real(path: Path) -> Path:
    """Returns the path without links. Unlike `Path.resolve`, it accepts circular links."""
    return Path(os.path.realpath(path))


def _below(top: Path, path: Path) -> str:
    return path.relative_to(top).as_posix()


def _visible(name: str) -> bool:
    return not name.startswith(".")


def _is_picture(name: str) -> bool:
    return _visible(name) and Path(name).suffix.lower() in PICTURE_SUFFIXES


def _is_unsupported(name: str) -> bool:
    return _visible(name) and Path(name).suffix.lower() in OTHER_PICTURE_SUFFIXES | VIDEO_SUFFIXES


def _manifest(folder: Path) -> Manifest | None:
    return Manifest(folder) if os.path.isdir(folder / Manifest.FOLDER) else None


def _unlisted(folder: Path, error: OSError) -> InputError:
    return InputError(f"The folder '{folder}' cannot be listed: {error.strerror or error}.")
