"""Pictures of known test sets, recognised by perceptual hashes, so that none is trained on unnoticed.

The table holds hashes alone, of the part of each set that was at hand: finding nothing proves nothing. It
knows whole pictures, recompressed or resized, not crops or mirrored ones.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.imaging.image import Picture

NEAR = 8
"""Hashes that differ in at most so many bits of 64 are of one picture. The table's own pictures, as JPEG of
quality 30 or resized by 0.4 to 1.6, differ from it in at most 4, 740 other pictures in at least 12."""
TABLE = "known_test_sets.json"


def perceptual_hash(picture: Picture) -> str:
    """16 hex digits that hardly change when a picture (H×W×3) is resized or compressed.

    The signs of its 8×8 lowest frequencies, but for the mean, about their median ("pHash"; Zauner,
    "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010).
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    lowest = cv2.dct(small)[:8, :8].ravel()
    bits = lowest > np.median(lowest[1:])
    return np.packbits(bits).tobytes().hex()


def known_set_of(picture: Picture) -> str | None:
    """The name of the test set that a picture belongs to, or None if it is in none of the table."""
    names, table = _table()
    distances = (table != _bits(perceptual_hash(picture))).sum(1)
    nearest = int(distances.argmin())
    return names[nearest] if distances[nearest] <= NEAR else None


def known_set_of_any(views: Sequence[Picture]) -> str | None:
    """The first test set that one of several pictures belongs to."""
    return next((name for name in map(known_set_of, views) if name is not None), None)


def warning(known: Sequence[tuple[Path, str]]) -> str | None:
    """One sentence on files that belong to test sets, given with the sets' names; None if there are none."""
    if not known:
        return None
    counts = Counter(name for _, name in known)
    sets = "; ".join(f"{name}: {count}" for name, count in counts.items())
    return (
        f"{len(known)} pictures, such as '{known[0][0]}', look like ones of known test or validation sets "
        f"({sets}): scores of a model trained on them mean nothing there. The list of known pictures is "
        "partial."
    )


@cache
def _table() -> tuple[list[str], NDArray[np.uint8]]:
    """Of every hash its set's name, and its bits, N×64."""
    sets = json.loads(files("deraincli.datasets").joinpath(TABLE).read_text(encoding="utf-8"))["sets"]
    rows = [(name, digits) for name, hashes in sets.items() for digits in hashes]
    return [name for name, _ in rows], np.stack([_bits(digits) for _, digits in rows])


def _bits(digits: str) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8))
