"""The table of what is fuzzed: whole files, how they are damaged, and the law that must hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import containers
from mutations import mutate
from picture_laws import check_picture
from seed_pictures import formats, pictures, shared_pictures


class Target(NamedTuple):
    """One reader and its files."""

    container: containers.Container
    seeds: Callable[[], Sequence[bytes]]
    """Makes whole files. They are not changed by later calls."""
    check: Callable[[bytes, Path], None]
    """Raises AssertionError, or anything else, for a file for which a law does not hold. The folder is empty
    before the first call and belongs to this target."""
    shared: Callable[[], Sequence[bytes]] = tuple
    """Files beside the checkout, which long runs take as well."""
    cases: int = 300
    """Cases of the short run."""


_PICTURES = {
    "PNG": (containers.PNG, (".png",)),
    "JPEG": (containers.JPEG, (".jpg", ".jpeg")),
    "TIFF": (containers.TIFF, (".tif", ".tiff")),
    "WEBP": (containers.RIFF, (".webp",)),
    "BMP": (containers.BMP, (".bmp", ".dib")),
    "AVIF": (containers.BOXES, (".avif",)),
}

TARGETS: dict[str, Target] = {
    format.lower(): Target(
        container, partial(pictures, format), check_picture, partial(shared_pictures, *suffixes)
    )
    for format, (container, suffixes) in _PICTURES.items()
    if format in formats()
}


def case(target: Target, name: str, seed: int, number: int, *, shared: bool = False) -> bytes:
    """Makes a case.

    Args:
        target: What is fuzzed.
        name: Its name.
        seed: Seed of the run.
        number: The case's number within the run.
        shared: Whether files beside the checkout are taken as well.

    Returns:
        The damaged file, the same for the same arguments and the same libraries.
    """
    rng = Random(f"{seed} {name} {number}")
    files = [*target.seeds(), *(target.shared() if shared else ())]
    return mutate(rng.choice(files), rng, target.container, files)
