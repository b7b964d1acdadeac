"""Which pictures to look at: one, those of a folder, or the rainy half of a paired set."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from deraincli.data.layouts import pictures
from deraincli.data.pairs import Pair, PairedSet, find_pairs, pair_folders
from deraincli.errors import InputError, UsageError


@dataclass(frozen=True)
class Jobs:
    """The pictures, by the names under which their results are written."""

    pictures: dict[str, Path]
    pairs: dict[str, Pair]
    """With their ground truth, under the same names: for all pictures or none."""
    unpaired: tuple[Path, ...] = ()
    """Left out, since they have no ground truth."""


def find_jobs(source: Path, target: Path | None) -> Jobs:
    """The pictures of `source`, a picture or a folder (not its sub-folders), with their ground truth.

    target: a picture or a folder, as `source`; without one, a folder that holds a paired set in a known
        layout has its own.
    Raises InputError when there is nothing to be found, UsageError for names that collide.
    """
    if source.is_file() and (target is None or target.is_file()):
        name = source.stem
        return Jobs({name: source}, {} if target is None else {name: Pair(name, source, target)})
    if not source.exists():
        raise InputError(f"There is no picture or folder '{source}'.")
    if target is not None:
        return _of_pairs(pair_folders(source, target))
    try:
        return _of_pairs(find_pairs(source))
    except InputError:  # no paired set, so just pictures
        return Jobs(_by_stem(source), {})


def _of_pairs(found: PairedSet) -> Jobs:
    return Jobs(
        {pair.name: pair.rainy for pair in found.pairs},
        {pair.name: pair for pair in found.pairs},
        found.unpaired,
    )


def _by_stem(folder: Path) -> dict[str, Path]:
    stems = defaultdict(list)
    for path in pictures(folder):
        stems[path.stem].append(path)
    if not stems:
        raise InputError(
            f"There are no pictures in '{folder}': name a picture or the folder that holds them."
        )
    for same in stems.values():
        if len(same) > 1:
            raise UsageError(
                f"The results of '{same[0]}' and '{same[1].name}' would have the same names: rename one."
            )
    return {stem: path for stem, (path,) in stems.items()}
