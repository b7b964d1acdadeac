"""Facts about models."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple


class ReportedScore(NamedTuple):
    """Scores of a model on a data set."""

    dataset: str
    """Name of the data set."""
    protocol: str
    """Name of the protocol, as `derain eval --protocol` takes it."""
    psnr: float
    """Mean PSNR over the set in dB."""
    ssim: float
    """Mean SSIM over the set, at most 1."""


@dataclass(frozen=True)
class ModelFacts:
    """Facts that `derain weights list` and `info` report about a model."""

    name: str
    """Name, path or address that `-m` takes."""
    origin: str
    """`shipped`, `cached` (from the Hub) or `file`."""
    network: str
    """Name of the network in `deraincli.models.registry`."""
    task: str
    """`streak`, `drop` or `auto`."""
    parameters: int
    """Number of learnable parameters. For the automatic model, that of its first member."""
    sha256: str
    """SHA-256 of the file."""
    file: Path
    """The model file."""
    licence: str | None
    """An identifier, or the terms in words. None if it is not stated."""
    provenance: str | None
    """Where the model comes from, in words. None if it is not stated."""
    scores: tuple[ReportedScore, ...]
    """Scores on data sets."""
    datasets: tuple[str, ...] = ()
    """Short names of the data sets that the model was trained on."""
    members: tuple[ModelFacts, ...] = ()
    """The models between which the automatic model chooses. Empty for all others."""

    @property
    def parameter_count(self) -> str:
        """Number of learnable parameters in words, for each member by itself: `2 × 995,296` or `10 + 20`."""
        counts = [f"{model.parameters:,}" for model in self.members or (self,)]
        alike = len(counts) > 1 and len(set(counts)) == 1
        return f"{len(counts)} × {counts[0]}" if alike else " + ".join(counts)

    def record(self) -> dict[str, Any]:
        """Returns the facts as a dict for JSON."""
        scores = [score._asdict() for score in self.scores]
        members = [member.record() for member in self.members]
        return asdict(self) | {"file": str(self.file), "scores": scores, "members": members}


@dataclass(frozen=True)
class DamagedModel:
    """A model of the catalogue whose file is damaged or missing."""

    name: str
    """Name of the model."""
    error: str
    """One sentence with the remedy."""

    def record(self) -> dict[str, Any]:
        """Returns the name and the error as a dict for JSON."""
        return {"name": self.name, "origin": "shipped", "error": self.error}
