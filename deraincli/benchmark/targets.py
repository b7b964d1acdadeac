"""Targets of benchmarks. These are models, networks without weights and classical methods.

They are found without PyTorch, so that a wrong name is refused at once.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from deraincli.benchmark.paper_figures import PAPER_FIGURES, PaperFigures
from deraincli.errors import ModelError, UnknownModelError
from deraincli.files.locations import weights_folder
from deraincli.model_zoo.catalogue import AUTO_MODEL, SHIPPED
from deraincli.model_zoo.resolve import ModelFile, find_classical_method, resolve_model
from deraincli.models.classical.registry import CLASSICAL_METHODS, ClassicalMethod
from deraincli.models.names import NETWORKS, is_buildable

if TYPE_CHECKING:
    from deraincli.models.base import RestorationNetwork


@dataclass(frozen=True)
class Target:
    """A model, network or classical method to benchmark."""

    name: str
    """Name as requested."""
    weights: Literal["shipped", "file", "random", "none"]
    """Origin of the weights.

    `random` is a network without trained weights. Speed, memory and counts do not depend on them. `none` is
    a classical method.
    """
    file: ModelFile | None = field(default=None, compare=False)
    """The model's file, if it has one."""
    method: ClassicalMethod | None = field(default=None, compare=False)
    """The classical method, if it is one."""

    def build(self) -> RestorationNetwork | None:
        """Builds the network in float32 on the CPU, in eval mode.

        Returns:
            The network, or None for a classical method.

        Raises:
            ModelError: The model's file is missing or damaged.
        """
        if self.method is not None:
            return None
        from deraincli.models.checkpoint import load_model
        from deraincli.models.registry import NETWORKS

        if self.file is not None:
            return load_model(self.file.path)[0]
        kind = NETWORKS[self.name]
        return kind.build(kind.config).eval()

    def size_multiple(self, network: RestorationNetwork | None) -> int:
        """Returns the number of which the input's sides must be multiples.

        Args:
            network: The result of `build`.

        Returns:
            The number in pixels.
        """
        if network is not None:
            return network.size_multiple
        assert self.method is not None
        return self.method.multiple

    @property
    def paper_figures(self) -> PaperFigures | None:
        """Figures of the authors' response, if it has any."""
        return PAPER_FIGURES.get(self.name)


def find_target(name: str | None) -> Target:
    """Finds the target for a name.

    Args:
        name: Name of a model, network or classical method, or the path of a model file. None is the default
            model AUTO_MODEL, for which the specialist for streaks is measured.

    Returns:
        The target.

    Raises:
        UnknownModelError: There is no such target. The message lists the nearest names.
        ModelError: The model's file is missing or damaged.
    """
    method = find_classical_method(name)
    if name is not None and method is not None:
        return Target(name, "none", method=method)
    if name in (None, AUTO_MODEL.name):  # its two networks differ only in their weights
        name = AUTO_MODEL.members["streak"]
    try:
        file = resolve_model(name).files[0]
    except ModelError as error:
        if name in NETWORKS:
            return Target(name, "random")
        if not isinstance(error, UnknownModelError):
            raise
    else:
        ships = file.path.parent == weights_folder()
        return Target(name, "shipped" if ships else "file", file)
    near = difflib.get_close_matches(name, all_names(), 3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(all_names())}."
    raise UnknownModelError(f"Unknown model {name!r}; {hint} A .safetensors file works, too.")


def all_names() -> list[str]:
    """Lists all shipped models, then all other networks that are installed, then the classical methods."""
    networks = filter(is_buildable, NETWORKS)
    return list(dict.fromkeys([*SHIPPED, *networks, *CLASSICAL_METHODS]))


def compared_names() -> list[str]:
    """Lists the systems of the tables in the authors' response, and the newer networks that are installed."""
    return [name for name in PAPER_FIGURES if is_buildable(name)]
