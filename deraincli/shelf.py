"""The models at hand and what is known of each: shipped, in the Hub's cache, or any file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deraincli.catalogue import SHIPPED, Score, find_model
from deraincli.header import read_header, sha256


@dataclass(frozen=True)
class ModelFacts:
    """What `derain weights list` and `info` tell of a model."""

    name: str
    """What `-m` takes."""
    origin: str
    """`shipped`, `cached` (from the Hub) or `file`."""
    network: str
    task: str
    parameters: int
    sha256: str
    file: Path
    licence: str | None
    provenance: str | None
    scores: tuple[Score, ...]

    def record(self) -> dict[str, Any]:
        """As a JSON object."""
        scores = [score._asdict() for score in self.scores]
        return asdict(self) | {"file": str(self.file), "scores": scores}


def facts(model: str | None) -> ModelFacts:
    """What is known of a model given as to `-m`. Raises ModelError."""
    name, path = find_model(model)
    header = read_header(path)
    entry = SHIPPED.get(name) if model in (None, name) else None
    return ModelFacts(
        name=name if entry else str(model),
        origin="shipped" if entry else "file",
        network=header.network,
        task=header.task,
        parameters=header.parameters,
        sha256=sha256(path),
        file=path,
        licence=entry.licence if entry else None,
        provenance=entry.provenance if entry else None,
        scores=entry.scores if entry else (),
    )


def models_at_hand() -> Iterator[ModelFacts]:
    """Every shipped model."""
    for name in SHIPPED:
        yield facts(name)
