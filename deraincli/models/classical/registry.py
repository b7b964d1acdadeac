"""The one table of solvers: classical methods that part a picture into scene and rain without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deraincli.models.classical import dsc, gmm

Picture = NDArray[np.float32]
"""H×W×3, RGB in 0–1."""


@dataclass(frozen=True)
class Solver:
    """How to run one solver."""

    restore: Callable[[Picture], Iterator[Picture]]
    """Yields the picture as it is, before any work, and then the estimate after each step, the best last;
    it may leave 0–1."""
    steps: int
    multiple: int
    """Sides are multiples of this."""


def find_solver(model: str | None) -> Solver | None:
    """The solver of that name; None where no solver has it."""
    return SOLVERS.get(model) if model is not None else None


SOLVERS: dict[str, Solver] = {
    "dsc": Solver(dsc.restore, dsc.STEPS, multiple=16),
    "gmm": Solver(gmm.restore, gmm.STEPS, multiple=8),
}
