"""Summarises a folder of training or test pictures for `derain data inspect`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from deraincli.datasets.image_pool import ImageSource, pair_file, photo_files
from deraincli.datasets.layouts import clean_side
from deraincli.datasets.leakage import known_set_of_any
from deraincli.datasets.pairs import Content, Pair, find_pairs, fingerprint
from deraincli.errors import InputError
from deraincli.evaluation.metrics import PROTOCOLS, Protocol, mean_psnr, psnr
from deraincli.runtime.parallel import ordered_map


@dataclass(frozen=True)
class Inspection:
    """Summary of a folder."""

    folder: Path
    """The folder."""
    layout: str | None
    """Name of the layout, None for photos without partners."""
    count: int
    """Number of pairs or photos that can be used."""
    sizes: dict[str, int]
    """Number of pictures by size (`width×height`), the most frequent size first."""
    input_psnr: dict[str, float]
    """Mean PSNR of the rainy pictures in dB, under `rgb` and the layout's own protocol. Empty for photos."""
    fingerprint: str
    """Fingerprint of the content, as `derain eval` prints it. See `pairs.fingerprint`."""
    unpaired: tuple[Path, ...]
    """Pictures in the layout's folders without a partner."""
    skipped: tuple[str, ...]
    """One sentence for every pair or photo that cannot be used."""
    known: tuple[tuple[Path, str], ...]
    """Files that belong to a known test set, with the name of the set."""


class _Facts(NamedTuple):
    path: Path
    size: str
    psnr: dict[str, float]
    known: str | None


def inspect(folder: Path, layout: str | None = None, left: Content | None = None) -> Inspection:
    """Reads every picture of a paired set or of a folder of clean photos.

    Args:
        folder: The folder. It counts as clean photos if there are no pairs in it.
        layout: Name of the layout, None to recognise it.
        left: Content of the left half of pictures that hold both halves of a pair, as in `find_pairs`.

    Returns:
        The summary.

    Raises:
        InputError: There are neither pairs nor photos.
    """
    try:
        found = find_pairs(folder, layout, left)
    except InputError:
        alone = layout is None and left is None and folder.is_dir() and clean_side(folder) is None
        photos = photo_files(folder) if alone else []
        if not photos:
            raise
        selves = tuple(Pair(photo.path.stem, photo.path, photo.path) for photo in photos)
        return _inspection(folder, None, selves, (), photos, ())
    files = [pair_file(pair) for pair in found.pairs]
    protocols = [PROTOCOLS[name] for name in dict.fromkeys(("rgb", found.layout.protocol))]
    return _inspection(folder, found.layout.name, found.pairs, found.unpaired, files, protocols)


def _inspection(
    folder: Path,
    layout: str | None,
    pairs: tuple[Pair, ...],
    unpaired: tuple[Path, ...],
    files: list[ImageSource],
    protocols: Sequence[Protocol],
) -> Inspection:
    facts_of = partial(_facts, protocols=protocols)
    outcomes = list(ordered_map(facts_of, files))
    facts = [outcome for outcome in outcomes if isinstance(outcome, _Facts)]
    return Inspection(
        folder=folder,
        layout=layout,
        count=len(facts),
        sizes=dict(Counter(fact.size for fact in facts).most_common()),
        input_psnr={p.name: mean_psnr(fact.psnr[p.name] for fact in facts) for p in protocols if facts},
        fingerprint=fingerprint(pairs),
        unpaired=unpaired,
        skipped=tuple(str(outcome) for outcome in outcomes if isinstance(outcome, InputError)),
        known=tuple((fact.path, fact.known) for fact in facts if fact.known is not None),
    )


def _facts(file: ImageSource, protocols: Sequence[Protocol]) -> _Facts | InputError:
    try:
        views = file.read()
    except InputError as error:
        return error
    rainy, clean = views[0], views[-1]
    values = {p.name: psnr(p.prepare(rainy), p.prepare(clean), data_range=255) for p in protocols}
    return _Facts(file.path, f"{rainy.shape[1]}×{rainy.shape[0]}", values, known_set_of_any(views))
