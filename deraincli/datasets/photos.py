"""Finds rainy photos to evaluate whose ground truth is not known or not needed."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from deraincli.datasets.pairs import Content, Pair, find_pairs
from deraincli.errors import InputError, UsageError
from deraincli.files.walk import results_among, walk


def find_photos(folder: Path, layout: str | None = None, left: Content | None = None) -> tuple[Pair, ...]:
    """Finds the rainy pictures of a paired set, or else all photos of a folder and its sub-folders.

    Results of earlier runs are left out.

    Args:
        folder: The folder.
        layout: Name of the layout of a paired set, None to recognise it.
        left: Content of the left half of pictures that hold both halves of a pair, as in `find_pairs`.

    Returns:
        At least one picture. A photo without ground truth is a pair with itself. Below sub-folders, its name
        includes them with /.

    Raises:
        InputError: There is no such folder, it or a sub-folder cannot be listed, or it holds no pictures.
        UsageError: Two photos differ only in their suffix, or `layout` and `left` contradict each other.
    """
    try:
        return find_pairs(folder, layout, left).pairs
    except InputError:
        if layout is not None or left is not None or not folder.is_dir():
            raise
    walked = walk(folder)
    found = walked.all_names()
    written = results_among(folder, found)
    photos: dict[str, Path] = {}
    for file in found:
        name = str(PurePosixPath(file).with_suffix(""))
        if file in written:
            continue
        if name in photos:
            raise UsageError(
                f"The results of '{photos[name]}' and '{folder / file}' would have the same name: rename one."
            )
        photos[name] = folder / file
    if not photos:
        raise walked.no_pictures(folder)
    return tuple(Pair(name, photo, photo) for name, photo in photos.items())
