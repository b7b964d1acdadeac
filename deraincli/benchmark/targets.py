"""What is benchmarked: models, networks that have no weights yet, and solvers."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from torch import nn

from deraincli.benchmark.paper_figures import PAPER_FIGURES, PaperFigures
from deraincli.errors import ModelError
from deraincli.files.locations import weights_folder
from deraincli.model_zoo.catalogue import AUTO_MODEL, DEFAULTS, SHIPPED
from deraincli.model_zoo.resolve import find_classical_method, find_model
from deraincli.models.checkpoint import load_model
from deraincli.models.classical.registry import CLASSICAL_METHODS
from deraincli.models.registry import NETWORKS


@dataclass(frozen=True)
class Target:
    """Something that restores pictures, by the name it was asked for."""

    name: str
    weights: Literal["shipped", "file", "random", "none"]
    """`random`: there are none, and speed, memory and counts do not depend on them. `none`: a solver."""

    def build(self) -> nn.Module | None:
        """The network in float32 on the CPU, in eval mode; None for a solver.

        Raises ModelError if its file is missing or damaged.
        """
        if self.weights == "none":
            return None
        if self.weights == "random":
            kind = NETWORKS[self.name]
            return kind.build(kind.config).eval()
        return load_model(find_model(self.name)[1])[0]

    def size_multiple(self, network: nn.Module | None) -> int:
        """Sides of the input must be multiples of this. `network`: what `build` gave."""
        if network is not None:
            return cast(int, network.size_multiple)
        solver = find_classical_method(self.name)
        assert solver is not None
        return solver.multiple

    @property
    def document(self) -> PaperFigures | None:
        """What the source document says of it."""
        return PAPER_FIGURES.get(self.name)


def find_target(name: str | None) -> Target:
    """A subject by the name of a model, network or solver, or by path; None is the default model. Of
    AUTO_MODEL, the default, it is the specialist for streaks.

    Raises ModelError, with the nearest names, if there is none.
    """
    if find_classical_method(name):
        assert name is not None
        return Target(name, "none")
    if name is None or name == AUTO_MODEL:  # its two networks differ in their weights alone
        name = DEFAULTS["streak"]
    try:
        _, file = find_model(name)
    except ModelError:
        if name in NETWORKS:
            return Target(name, "random")
        if name.startswith("hf:") or Path(name).exists():
            raise
    else:
        ships = file.parent == weights_folder()
        return Target(name, "shipped" if ships else "file")
    near = difflib.get_close_matches(name, all_names(), 3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(all_names())}."
    raise ModelError(f"Unknown model {name!r}; {hint} A .safetensors file works, too.")


def all_names() -> list[str]:
    """Every shipped model, then every other network, then the solvers."""
    return list(dict.fromkeys([*SHIPPED, *NETWORKS, *CLASSICAL_METHODS]))


def compared_names() -> list[str]:
    """The systems of the source document's tables, and PReNet."""
    return list(PAPER_FIGURES)
