"""The pictures below a folder, and nothing that only looks like one."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple, NoReturn

from deraincli.errors import InputError
from deraincli.files.manifest import Manifest
from deraincli.imaging.formats import PICTURE_SUFFIXES


class Walk(NamedTuple):
    """What lies below a folder."""

    names: list[str]
    """Of the pictures, below the folder, with / between the parts; a folder's own before its sub-folders',
    both in natural order."""
    links: int
    """Symbolic links left out, since they lead to folders or out of this one."""
    results: list[str]
    """Likewise, of pictures left out, since an earlier run wrote them."""


def walk(folder: Path, destination: Path) -> Walk:
    """The pictures below `folder` by suffix, without hidden ones and, if it is a sub-folder, `destination`.

    Links to pictures inside the folder are pictures, too. Raises InputError for a folder that cannot be
    listed.
    """
    top = _real(folder)
    own = _real(destination)
    manifests = _manifests_above(top)
    names: list[str] = []
    results: list[str] = []
    links = 0
    for place, folders, files in os.walk(top, onerror=_refuse):
        parent = Path(place)
        if parent != top and Manifest.lies_in(parent):
            manifests.append(Manifest(parent))
        here = [manifest for manifest in manifests if parent.is_relative_to(manifest.root)]
        folders[:] = sorted(
            (name for name in folders if _visible(name) and parent / name != own), key=natural
        )
        links += sum((parent / name).is_symlink() for name in folders)
        for name in sorted(filter(_is_picture, files), key=natural):
            path = parent / name
            if path.is_symlink() and not _real(path).is_relative_to(top):
                links += 1
            else:
                written = any(manifest.wrote(path) for manifest in here)
                (results if written else names).append(path.relative_to(top).as_posix())
    return Walk(names, links, results)


def vouched_for(path: Path) -> bool:
    """Whether an earlier run wrote the file."""
    folder = _real(path.parent)
    return any(manifest.wrote(folder / path.name) for manifest in _manifests_above(folder))


def _real(path: Path) -> Path:
    """Without links; unlike `Path.resolve`, it takes links that lead in a circle."""
    return Path(os.path.realpath(path))


def _manifests_above(folder: Path) -> list[Manifest]:
    """Those of the folder and of the folders it lies in."""
    return [Manifest(parent) for parent in (folder, *folder.parents) if Manifest.lies_in(parent)]


def _visible(name: str) -> bool:
    return not name.startswith(".")


def _is_picture(name: str) -> bool:
    return _visible(name) and Path(name).suffix.lower() in PICTURE_SUFFIXES


def _refuse(error: OSError) -> NoReturn:
    raise InputError(f"The folder '{error.filename}' cannot be listed: {error.strerror}.") from error


def pictures(folder: Path) -> list[Path]:
    """Picture files directly in the folder, by suffix, in natural order (2 before 10), no hidden ones."""
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if _is_picture(path.name) and path.is_file())
    return sorted(found, key=natural_path)


def pictures_below(folder: Path) -> list[Path]:
    """Returns the picture files below a folder by path, without hidden ones and those in hidden folders."""
    found = []
    for place, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = filter(_visible, folders)
        found += [Path(place, name) for name in files if _is_picture(name)]
    return sorted(path for path in found if path.is_file())


def natural(name: str) -> list[tuple[int, str]]:
    """What to sort names by so that 2 comes before 10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def natural_path(path: Path) -> tuple[str, list[tuple[int, str]]]:
    """What to sort paths by: folder by folder, and in each so that 2 comes before 10."""
    return str(path.parent), natural(path.name)
