"""Recognises pictures of known test sets by perceptual hashes, so that no model is trained on them unnoticed.

The table holds hashes only, and only those of the available part of each set. So a picture without a match
may still belong to a test set. Recompressed and resized pictures match. Crops and mirrored pictures do not.
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

from deraincli.pixels import Picture

NEAR = 8
"""Largest number of different bits, of 64, between two hashes of the same picture.

The table's own pictures, saved as JPEG of quality 30 or resized by 0.4 to 1.6, differ from their hash in at
most 4 bits. Each of 740 other pictures differs from all hashes in at least 12 bits.
"""
TABLE = "known_test_sets.json"
"""File of the hashes, in this package."""


def perceptual_hash(picture: Picture) -> str:
    """Returns a hash that hardly changes when a picture is resized or compressed.

    Each bit says whether one of the 8×8 lowest frequencies is above their median, which leaves out the mean.
    This is pHash (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010).

    Args:
        picture: The picture, H×W×3 RGB of uint8.

    Returns:
        The 64 bits as 16 hexadecimal digits.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    lowest = cv2.dct(small)[:8, :8].ravel()
    bits = lowest > np.median(lowest[1:])
    return np.packbits(bits).tobytes().hex()


def known_set_of(picture: Picture) -> str | None:
    """Returns the name of the test set to which a picture belongs, or None if no hash of the table matches.

    Args:
        picture: The picture, H×W×3 RGB of uint8.
    """
    names, table = _table()
    distances = (table != _bits(perceptual_hash(picture))).sum(1)
    nearest = int(distances.argmin())
    return names[nearest] if distances[nearest] <= NEAR else None


def known_set_of_any(views: Sequence[Picture]) -> str | None:
    """Returns the name of the first test set to which one of several pictures belongs, or None.

    Args:
        views: The pictures, each H×W×3 RGB of uint8.
    """
    return next((name for name in map(known_set_of, views) if name is not None), None)


def warning(known: Sequence[tuple[Path, str]]) -> str | None:
    """Returns a warning for the user about files that belong to test sets, or None if there are none.

    Args:
        known: The files, each with the name of its set.
    """
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
    """Returns the set's name for each of N hashes, and their bits, N×64."""
    sets = json.loads(files("deraincli.datasets").joinpath(TABLE).read_text(encoding="utf-8"))["sets"]
    rows = [(name, digits) for name, hashes in sets.items() for digits in hashes]
    return [name for name, _ in rows], np.stack([_bits(digits) for _, digits in rows])


def _bits(digits: str) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8))
