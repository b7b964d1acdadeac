"""Table of classical methods, which separate a picture into scene and rain without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deraincli.models.classical import dsc, gmm

Picture = NDArray[np.float32]
"""H×W×3, RGB in 0–1."""


@dataclass(frozen=True)
class ClassicalMethod:
    """How to run one classical method."""

    restore: Callable[..., Iterator[Picture]]
    """Restores a rainy picture step by step. It also takes the file of the prior if there is one.

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
