"""What is benchmarked: shipped models, model files, and networks that have no weights yet."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from torch import nn

from deraincli.catalogue import DEFAULTS, SHIPPED, find_model
from deraincli.checkpoint import load_model
from deraincli.errors import ModelError
from deraincli.networks import NETWORKS
from deraincli.peers.document import DOCUMENT, DocumentFigures

Weights = Literal["shipped", "file", "random"]


@dataclass(frozen=True)
class Subject:
    """A network by the name it was asked for."""

    name: str
    weights: Weights
    """`random`: none ship, and speed, memory and counts do not depend on them."""

    def build(self) -> nn.Module:
        """The network in float32 on the CPU, in eval mode. Raises ModelError if its file is damaged."""
        if self.weights == "random":
            kind = NETWORKS[self.name]
            return kind.build(kind.config).eval()
        return load_model(find_model(self.name)[1])[0]

    @property
    def document(self) -> DocumentFigures | None:
        """What the source document says of it."""
        return DOCUMENT.get(self.name)


def find_subject(name: str | None) -> Subject:
    """A subject by the name of a model or network, or by path; None is the default model.

    Raises ModelError, with the nearest names, if there is none.
    """
    name = DEFAULTS["auto"] if name is None else name
    if name in SHIPPED:
        return Subject(name, "shipped")
    if name in NETWORKS:
        return Subject(name, "random")
    path = Path(name)
    if name.startswith("hf:") or path.suffix == ".safetensors" or path.exists():
        find_model(name)  # raises where there is none
        return Subject(name, "file")
    known = all_names()
    near = difflib.get_close_matches(name, known, 3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}."
    raise ModelError(f"Unknown model {name!r}; {hint} A .safetensors file works, too.")


def all_names() -> list[str]:
    """Every shipped model, then every other network."""
    return list(dict.fromkeys([*SHIPPED, *NETWORKS]))


def compared_names() -> list[str]:
    """The networks of the source document's tables, and PReNet; the solvers there are no networks."""
    return [name for name in DOCUMENT if name in NETWORKS]


def size_multiple(network: nn.Module) -> int:
    """Sides of the input must be multiples of this."""
    return cast(int, network.size_multiple)
