"""Finds the pictures to inspect: one, those below a folder, or the rainy half of a paired set."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from deraincli.attention_maps.outputs import KINDS
from deraincli.datasets.pairs import Pair, PairedSet, find_pairs, pair_folders
from deraincli.errors import InputError, UsageError
from deraincli.files.walk import results_among, walk
from deraincli.imaging.decode import content_format


@dataclass(frozen=True)
class Jobs:
    """The pictures, by the names under which their results are written."""

    pictures: dict[str, Path]
    """Files of the pictures by name without suffix. Below a folder, names include the sub-folders with /."""
    pairs: dict[str, Pair]
    """Pictures with their ground truth, under the same names. Either all pictures have one, or none."""
    unpaired: tuple[Path, ...] = ()
    """Pictures left out because they have no ground truth."""
    links: int = 0
    """Number of symbolic links left out because they lead to folders or out of this one."""
    results: int = 0
    """Number of pictures left out because an earlier run wrote them."""
    unsupported: tuple[Path, ...] = ()
    """Videos, and pictures of formats that cannot be read here."""
    unlisted: tuple[InputError, ...] = ()
    """An error for each sub-folder that cannot be listed."""


def find_jobs(source: Path, target: Path | None, results: Path) -> Jobs:
    """Finds pictures and their ground truth.

    Args:
        source: A picture, or a folder. Sub-folders are included, but not those of paired folders.
        target: The ground truth: a picture or a folder, like `source`. If None, and `source` holds a paired
            set in a known layout, its own ground truth is used.
        results: Folder of the results. Pictures in it are left out if it is a sub-folder.

    Raises:
        InputError: There are no pictures.
        UsageError: The results of two pictures would have the same names.
    """
    for given in filter(None, (source, target)):
        if not given.is_dir():
            content_format(given)  # raises for a file that is not a picture
    if target is not None and source.is_dir() != target.is_dir():
        kinds = ("folder", "picture") if source.is_dir() else ("picture", "folder")
        raise InputError(
            f"'{source}' is a {kinds[0]} and '{target}' is a {kinds[1]}: give --target a {kinds[0]}, too."
        )
    if source.is_file():
        name = source.stem
        return Jobs({name: source}, {} if target is None else {name: Pair(name, source, target)})
    if target is not None:
        return _of_pairs(pair_folders(source, target))
    try:
        return _of_pairs(find_pairs(source))
    except InputError:  # no paired set, so just pictures
        return _below(source, results)


def _of_pairs(found: PairedSet) -> Jobs:
    return Jobs(
        {pair.name: pair.rainy for pair in found.pairs},
        {pair.name: pair for pair in found.pairs},
        found.unpaired,
    )


def _below(folder: Path, results: Path) -> Jobs:
    found = walk(folder, apart=results)
    written = results_among(folder, found.names)
    by_stem = defaultdict(list)
    for name in (name for name in found.names if name not in written):
        by_stem[str(PurePosixPath(name).with_suffix(""))].append(folder / name)
    own = {stem for stem in by_stem if _is_result(stem, by_stem)}
    pictures = {stem: paths for stem, paths in by_stem.items() if stem not in own}
    if not pictures:
        if found.unlisted:
            raise next(iter(found.unlisted.values()))
        raise found.no_pictures(folder)
    for same in pictures.values():
        if len(same) > 1:
            raise UsageError(
                f"The results of '{same[0]}' and '{same[1].name}' would have the same names: rename one."
            )
    return Jobs(
        {stem: path for stem, (path,) in pictures.items()},
        {},
        links=found.folder_links + len(found.outside),
        results=len(written) + len(own),
        unsupported=tuple(folder / name for name in found.unsupported),
        unlisted=tuple(found.unlisted.values()),
    )


def _is_result(stem: str, stems: dict[str, list[Path]]) -> bool:
    """Returns whether a picture is named like a result of another picture beside it."""
    picture, _, kind = stem.rpartition(".")
    return kind in KINDS and picture in stems
