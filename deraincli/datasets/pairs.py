"""Paired sets: every rainy picture with its ground truth, whatever the layout on disk.

found = find_pairs(Path("Rain100L"))
found.layout, len(found.pairs), found.unpaired, fingerprint(found.pairs)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from deraincli.datasets.layouts import HALVES, LAYOUTS, Layout, Matches
from deraincli.errors import InputError, UsageError
from deraincli.files.walk import walk
from deraincli.imaging.decode import decode, open_regular
from deraincli.imaging.image import Pixels
from deraincli.parallel import ordered_map, usable_cpus

Half = Literal["left", "right"]
Content = Literal["rainy", "clean"]


@dataclass(frozen=True)
class Pair:
    """A rainy picture and its ground truth.

    name: stem of the rainy file, unique within a set.
    rainy, clean: the files; one and the same where a picture holds both halves.
    rainy_half: which half is the rainy one then, None otherwise.
    """

    name: str
    rainy: Path
    clean: Path
    rainy_half: Half | None = None


@dataclass(frozen=True)
class PairedSet:
    """What was found in a folder.

    layout: how it lies on disk, a row of `layouts.LAYOUTS`.
    pairs: at least one, by name in natural order.
    unpaired: pictures in the layout's folders that have no partner (or an ambiguous name).
    """

    folder: Path
    layout: Layout
    pairs: tuple[Pair, ...]
    unpaired: tuple[Path, ...]


def find_pairs(folder: Path, layout: str | None = None, left: Content | None = None) -> PairedSet:
    """Pair the pictures of a folder by name.

    layout: a name in `layouts.LAYOUTS`; None recognises it.
    left: for pictures that hold both halves, which one is on the left. It cannot be recognised, so such a
        set is only read when this is given.
    Raises InputError when there is no such folder or nothing in it pairs, UsageError for impossible requests.
    """
    if not folder.is_dir():
        raise InputError(f"'{folder}' is no folder: name the one that holds the pictures.")
    chosen, matches = _match(folder, _candidates(layout, left))
    if not matches.pairs:
        raise InputError(_nothing_found(folder, layout))
    half: Half | None = None
    if chosen is HALVES:
        half = "left" if left == "rainy" else "right"
    pairs = tuple(Pair(rainy.stem, rainy, clean, half) for rainy, clean in matches.pairs)
    return PairedSet(folder, chosen, pairs, matches.unpaired)


def pair_folders(rainy: Path, clean: Path) -> PairedSet:
    """Pair the pictures of two folders, wherever they lie, by equal names or by those of any layout.

    Raises InputError when one is no folder or nothing pairs.
    """
    for folder in (rainy, clean):
        if not folder.is_dir():
            raise InputError(f"'{folder}' is no folder: rainy and clean are both one, or each a picture.")
    for layout in _candidates(None, None):
        rules = (replace(rule, rainy_folder=str(rainy), clean_folder=str(clean)) for rule in layout.rules)
        matches = replace(layout, rules=tuple(rules)).match(Path())
        if matches.pairs:
            pairs = tuple(Pair(path.stem, path, partner) for path, partner in matches.pairs)
            return PairedSet(rainy, layout, pairs, matches.unpaired)
    raise InputError(f"No picture in '{rainy}' has a partner in '{clean}': give the two the same name.")


def read_pair(pair: Pair, *, max_pixels: int) -> tuple[Pixels, Pixels]:
    """Decode a pair: (rainy, clean), each H×W×C, uint8 or uint16, C = 1 (grey) or 3 (RGB), of one size.

    Raises InputError, which names the file, when one cannot be decoded in full or has more than max_pixels
    (UnreadableImageError), or when the two differ in size.
    """
    rainy = decode(pair.rainy, max_pixels=max_pixels).pixels
    if pair.rainy_half is not None:
        return _halves(pair, rainy)
    clean = decode(pair.clean, max_pixels=max_pixels).pixels
    if rainy.shape[:2] != clean.shape[:2]:
        raise InputError(
            f"'{pair.rainy}' is {rainy.shape[1]}×{rainy.shape[0]} but its ground truth '{pair.clean.name}' "
            f"is {clean.shape[1]}×{clean.shape[0]}: make them the same size or leave the pair out."
        )
    return rainy, clean


def digest(pair: Pair) -> str:
    """Returns the SHA-256 (hex) of a pair's content: the bytes of both files, whatever they are called.

    Raises:
        InputError: A file cannot be read.
    """
    sha = hashlib.sha256()
    for path in (pair.rainy, pair.clean):
        with open_regular(path) as file:
            sha.update(hashlib.file_digest(file, "sha256").digest())
    sha.update((pair.rainy_half or "").encode())
    return sha.hexdigest()


def fingerprint(pairs: Sequence[Pair]) -> str:
    """Returns 16 hex digits that stand for the content of a set.

    One changed byte, a missing or a doubled pair gives another fingerprint. Names, order and the layout on
    disk do not matter. A pair that cannot be read counts as missing.
    """
    workers = min(8, usable_cpus())
    digests = ordered_map(_digest_if_readable, pairs, workers=workers, ahead=2 * workers)
    return hashlib.sha256("".join(sorted(filter(None, digests))).encode()).hexdigest()[:16]


def _digest_if_readable(pair: Pair) -> str | None:
    with suppress(InputError):
        return digest(pair)
    return None


def _halves(pair: Pair, both: Pixels) -> tuple[Pixels, Pixels]:
    width = both.shape[1]
    if width % 2:
        raise InputError(f"'{pair.rainy}' is {width} pixels wide and has no two equal halves: leave it out.")
    left, right = both[:, : width // 2], both[:, width // 2 :]
    return (left, right) if pair.rainy_half == "left" else (right, left)


def _candidates(layout: str | None, left: Content | None) -> list[Layout]:
    if left is not None and layout in (None, HALVES.name):
        return [HALVES]
    if left is not None:
        raise UsageError(
            f"--left is for pictures that hold both halves, not for layout {layout}: leave it out."
        )
    if layout is None:
        return [candidate for candidate in LAYOUTS.values() if candidate is not HALVES]
    if layout == HALVES.name:
        raise UsageError("Layout halves does not say which half is which: add --left rainy or --left clean.")
    if layout not in LAYOUTS:
        raise UsageError(f"There is no layout '{layout}': choose one of {', '.join(LAYOUTS)}.")
    return [LAYOUTS[layout]]


def _match(folder: Path, layouts: list[Layout]) -> tuple[Layout, Matches]:
    """The first layout that pairs anything; the last one and no pairs if none does."""
    for layout in layouts:
        matches = layout.match(folder)
        if matches.pairs:
            return layout, matches
    return layouts[-1], Matches(pairs=(), unpaired=())


def _holds_pairs(folder: Path) -> bool:
    with suppress(InputError):  # a folder in it cannot be listed
        return bool(_match(folder, _candidates(None, None))[1].pairs)
    return False


def _nothing_found(folder: Path, layout: str | None) -> str:
    if layout is not None:
        return f"No pairs in '{folder}' for layout {layout}: it expects {LAYOUTS[layout].description}."
    found = walk(folder)
    if not found.names and not found.outside:
        return f"There are no pictures in '{folder}': name the folder that holds them."
    inside = next((name for name in found.folders if "/" not in name and _holds_pairs(folder / name)), None)
    if inside is not None:
        return f"No pairs in '{folder}' itself: name one of its sub-folders, such as '{folder / inside}'."
    return (
        f"No rainy and clean pictures pair by name in '{folder}': rename them to one of the layouts "
        f"{', '.join(LAYOUTS)}, or add --left rainy|clean if each picture holds both halves."
    )
