"""Finds and reads paired sets, in which every rainy picture has a ground truth, in any known layout.

Example:
    found = find_pairs(Path("Rain100L"))
    print(found.layout.name, len(found.pairs), len(found.unpaired), fingerprint(found.pairs))
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
from deraincli.imaging.decode import decode, file_sha256
from deraincli.pixels import Pixels
from deraincli.runtime.parallel import ordered_map

Half = Literal["left", "right"]
Content = Literal["rainy", "clean"]


@dataclass(frozen=True)
class Pair:
    """A rainy picture and its ground truth."""

    name: str
    """Stem of the rainy file, which is unique within a set."""
    rainy: Path
    """File of the rainy picture."""
    clean: Path
    """File of the ground truth. It is the same file if a picture holds both halves."""
    rainy_half: Half | None = None
    """The rainy half of a picture that holds both halves, None otherwise."""


@dataclass(frozen=True)
class PairedSet:
    """The pairs of a folder."""

    folder: Path
    """Folder of the set."""
    layout: Layout
    """Layout of the set, a row of `layouts.LAYOUTS`."""
    pairs: tuple[Pair, ...]
    """The pairs in natural order of their names. There is at least one."""
    unpaired: tuple[Path, ...]
    """Pictures in the layout's folders that have no partner or an ambiguous name."""


def find_pairs(folder: Path, layout: str | None = None, left: Content | None = None) -> PairedSet:
    """Pairs the pictures of a folder by name.

    Args:
        folder: The folder of the set.
        layout: A name in `layouts.LAYOUTS`. If it is None, the layout is recognised.
        left: The half that is on the left in pictures that hold both halves. It cannot be recognised, so such
            a set is read only if this is given.

    Raises:
        InputError: There is no such folder, it cannot be listed, or it holds no pairs.
        UsageError: There is no such layout, or `layout` and `left` contradict each other.
    """
    if not folder.is_dir():
        raise InputError(f"'{folder}' is not a folder: name the one that holds the pictures.")
    chosen, matches = _match(folder, _candidates(layout, left))
    if not matches.pairs:
        raise _nothing_found(folder, layout)
    half: Half | None = None
    if chosen is HALVES:
        half = "left" if left == "rainy" else "right"
    pairs = tuple(Pair(rainy.stem, rainy, clean, half) for rainy, clean in matches.pairs)
    return PairedSet(folder, chosen, pairs, matches.unpaired)


def pair_folders(rainy: Path, clean: Path) -> PairedSet:
    """Pairs the pictures of two folders by equal names or by the names of any layout.

    Args:
        rainy: The folder of the rainy pictures.
        clean: The folder of the clean pictures.

    Raises:
        InputError: There is no such folder, it cannot be listed, or no pictures pair.
    """
    for folder in (rainy, clean):
        if not folder.is_dir():
            raise InputError(f"'{folder}' is not a folder: rainy and clean are both one, or each a picture.")
    for layout in _candidates(None, None):
        rules = (replace(rule, rainy_folder=str(rainy), clean_folder=str(clean)) for rule in layout.rules)
        matches = replace(layout, rules=tuple(rules)).match(Path())
        if matches.pairs:
            pairs = tuple(Pair(path.stem, path, partner) for path, partner in matches.pairs)
            return PairedSet(rainy, layout, pairs, matches.unpaired)
    raise InputError(f"No picture in '{rainy}' has a partner in '{clean}': give the two the same name.")


def read_pair(pair: Pair, *, max_pixels: int) -> tuple[Pixels, Pixels]:
    """Decodes the pictures of a pair.

    Args:
        pair: The pair.
        max_pixels: Largest number of pixels that is read.

    Returns:
        The rainy and the clean picture. Each is H×W×C of uint8 or uint16, where C is 1 (grey) or 3 (RGB). H
        and W are equal.

    Raises:
        InputError: A picture cannot be read completely or is too large, or the pictures differ in size.
    """
    if pair.rainy_half is not None:
        return _halves(pair, decode(pair.rainy, max_pixels=max_pixels).pixels)
    rainy = read_rainy(pair, max_pixels=max_pixels)
    clean = decode(pair.clean, max_pixels=max_pixels).pixels
    if rainy.shape[:2] != clean.shape[:2]:
        raise InputError(
            f"'{pair.rainy}' is {rainy.shape[1]}×{rainy.shape[0]} but its ground truth '{pair.clean.name}' "
            f"is {clean.shape[1]}×{clean.shape[0]}: make them the same size or leave the pair out."
        )
    return rainy, clean


def read_rainy(pair: Pair, *, max_pixels: int) -> Pixels:
    """Decodes the rainy picture of a pair.

    Args:
        pair: The pair.
        max_pixels: Largest number of pixels that is read.

    Returns:
        The picture, H×W×C of uint8 or uint16, where C is 1 (grey) or 3 (RGB).

    Raises:
        InputError: The picture cannot be read completely or is too large.
    """
    pixels = decode(pair.rainy, max_pixels=max_pixels).pixels
    return pixels if pair.rainy_half is None else _halves(pair, pixels)[0]


def digest(pair: Pair) -> str:
    """Returns the SHA-256 of the content of a pair's files, in hexadecimal digits. Names do not count.

    Args:
        pair: The pair.

    Raises:
        InputError: A file cannot be read.
    """
    sha = hashlib.sha256()
    for path in (pair.rainy, pair.clean):
        sha.update(bytes.fromhex(file_sha256(path)))
    sha.update((pair.rainy_half or "").encode())
    return sha.hexdigest()


def fingerprint(pairs: Sequence[Pair]) -> str:
    """Returns 16 hexadecimal digits that identify the content of a set.

    A changed byte, a missing pair or a repeated pair gives another fingerprint. Names, the order of the pairs
    and the layout do not count. A pair that cannot be read counts as missing.

    Args:
        pairs: The pairs of the set.
    """
    digests = ordered_map(_digest_if_readable, pairs)
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
    """Returns the first layout that finds a pair, or the last layout with empty matches if none does."""
    for layout in layouts:
        matches = layout.match(folder)
        if matches.pairs:
            return layout, matches
    return layouts[-1], Matches(pairs=(), unpaired=())


def _holds_pairs(folder: Path) -> bool:
    with suppress(InputError):  # a folder in it cannot be listed
        return bool(_match(folder, _candidates(None, None))[1].pairs)
    return False


def _nothing_found(folder: Path, layout: str | None) -> InputError:
    if layout is not None:
        return InputError(
            f"No pairs in '{folder}' for layout {layout}: it expects {LAYOUTS[layout].description}."
        )
    found = walk(folder)
    if not found.names and not found.outside:
        return found.no_pictures(folder)
    inside = next((name for name in found.folders if "/" not in name and _holds_pairs(folder / name)), None)
    if inside is not None:
        return InputError(
            f"No pairs in '{folder}' itself: name one of its sub-folders, such as '{folder / inside}'."
        )
    return InputError(
        f"No rainy and clean pictures pair by name in '{folder}': rename them to one of the layouts "
        f"{', '.join(LAYOUTS)}, or add --left rainy|clean if each picture holds both halves."
    )
