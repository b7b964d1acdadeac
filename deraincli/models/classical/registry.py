"""Table of classical methods, which separate a picture into scene and rain without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deraincli.models.classical import dsc, gmm
from deraincli.pixels import Floats


@dataclass(frozen=True)
class ClassicalMethod:
    """How to run one classical method."""

    restore: Callable[..., Iterator[Floats]]
    """Restores a rainy picture, H×W×3 RGB in 0–1, step by step. It also takes the prior's file if it has one.

    It yields the unchanged picture first, and then the estimate after each step. The last one is the best.
    Values may leave 0–1.
    """
    steps: int
    """Number of steps."""
    multiple: int
    """Sides are multiples of this."""
    prior: str | None = None
    """File of the prior of clean photos in the folder `weights`. None if there is none."""


CLASSICAL_METHODS: dict[str, ClassicalMethod] = {
    "dsc": ClassicalMethod(dsc.restore, dsc.STEPS, multiple=16),
    "gmm": ClassicalMethod(gmm.restore, gmm.STEPS, multiple=8, prior=gmm.PRIOR_FILE),
}
