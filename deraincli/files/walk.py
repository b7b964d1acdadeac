"""The pictures below a folder.

This is the only module that searches folders for pictures. It never reads hidden files, the contents of
hidden folders, or folders with names like those of pictures. It does not follow links to folders.

It asks `os.path` about files, because before Python 3.14 the methods of `Path` raise an error for a file in a
folder that is closed to the user.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from deraincli.errors import InputError
from deraincli.files.manifest import Manifest
from deraincli.imaging.formats import OTHER_PICTURE_SUFFIXES, PICTURE_SUFFIXES, VIDEO_SUFFIXES


@dataclass
class Walk:
    """What lies below a folder.

    Names are relative to the folder and have / between their parts. The names of a folder come before those
    of its sub-folders, both in natural order.
    """

    names: list[str] = field(default_factory=list)
    """Pictures in the folder and its sub-folders, links to them included."""
    outside: list[str] = field(default_factory=list)
    """Links to pictures outside the folder."""
    unsupported: list[str] = field(default_factory=list)
    """Files that are pictures of other formats or videos by their suffix."""
    folders: list[str] = field(default_factory=list)
    """Sub-folders, links to folders included."""
    folder_links: int = 0
    """Number of links to folders."""
    unlisted: dict[str, InputError] = field(default_factory=dict)
    """Sub-folders that cannot be listed, with an error each."""


def walk(folder: Path, apart: Path | None = None) -> Walk:
    """Finds everything below a folder.

    Args:
        folder: The folder.
        apart: A sub-folder that is left out, if it is one.

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
    """Returns the pictures directly in a folder in natural order, or none if there is no such folder.

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


def results_among(folder: Path, names: Iterable[str]) -> set[str]:
    """Returns those of the pictures below a folder that an earlier run wrote."""
    top = _real(folder)
    manifests = {place: _manifest(place) for place in (top, *top.parents)}
    results = set()
    for name in names:
        path = top / name
        for place in path.parents:
            if place not in manifests:
                manifests[place] = _manifest(place)
            manifest = manifests[place]
            if manifest is not None and manifest.wrote(path):
                results.add(name)
    return results


def natural(name: str) -> list[tuple[int, str]]:
    """Returns what to sort names by so that 2 comes before 10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def natural_path(path: Path) -> tuple[str, list[tuple[int, str]]]:
    """Returns what to sort paths by: folder by folder, and in each so that 2 comes before 10."""
    return str(path.parent), natural(path.name)


def _real(path: Path) -> Path:
    """Returns the path without links. Unlike `Path.resolve`, it accepts links that lead in a circle."""
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
