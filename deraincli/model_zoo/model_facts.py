"""What is known about a model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple


class ReportedScore(NamedTuple):
    """What a model reached on a set."""

    dataset: str
    protocol: str
    """As in `derain eval --protocol`."""
    psnr: float
    """dB, the mean over the set."""
    ssim: float


@dataclass(frozen=True)
class ModelFacts:
    """What `derain weights list` and `info` report of a model."""

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
    scores: tuple[ReportedScore, ...]

    def record(self) -> dict[str, Any]:
        """As a JSON object."""
        scores = [score._asdict() for score in self.scores]
        return asdict(self) | {"file": str(self.file), "scores": scores}


@dataclass(frozen=True)
class DamagedModel:
    """A model of the catalogue whose file is not what it was."""

    name: str
    error: str
    """One sentence with the remedy."""

    def record(self) -> dict[str, Any]:
        """As a JSON object."""
        return {"name": self.name, "origin": "shipped", "error": self.error}
