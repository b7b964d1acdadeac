"""What a benchmark finds, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from deraincli.benchmark.environment import Machine
from deraincli.benchmark.memory import Peak
from deraincli.benchmark.roofline import Layer
from deraincli.benchmark.targets import Target
from deraincli.benchmark.timing import Timing


@dataclass
class Row:
    """One model in one precision at one size; what was not or could not be measured is None."""

    subject: Target
    precision: str
    backend: str
    batch: int
    side: int
    """As run: padded to what the network takes."""
    parameters: int | None = None
    flops: int | None = None
    """For one picture; None for solvers, as are the parameters."""
    error: str | None = None
    """One sentence on why there are no figures."""
    peak: Peak | None = None
    latency: Timing | None = None
    """Of a batch."""
    file_to_file: Timing | None = None
    """Of one picture."""
    roof_share: float | None = None
    """Achieved operations a second over those of the matrix product, in 0–1."""
    layers: list[Layer] = field(default_factory=list)
    """The slowest ones."""

    @property
    def images_per_second(self) -> float | None:
        """Throughput at the median latency."""
        return self.batch / self.latency.median if self.latency else None

    @property
    def flops_per_second(self) -> float | None:
        """Achieved at the median latency."""
        return self.batch * self.flops / self.latency.median if self.latency and self.flops else None

    def record(self) -> dict[str, Any]:
        """For JSON."""
        document, rate = self.subject.document, self.images_per_second
        return {
            "model": self.subject.name,
            "weights": self.subject.weights,
            "parameters": self.parameters,
            "document_parameters": document.parameters if document else None,
            "gflops": round(self.flops / 1e9, 3) if self.flops else None,
            "latency_ms": self.latency.milliseconds() if self.latency else None,
            "runs": self.latency.runs if self.latency else 0,
            "images_per_second": round(rate, 3) if rate else None,
            "peak_memory_mb": round(self.peak.bytes / 2**20, 1) if self.peak else None,
            "precision": self.precision,
            "backend": self.backend,
            "document_seconds": document.seconds if document else None,
            "padded_size": self.side,
            "end_to_end_ms": self.file_to_file.milliseconds() if self.file_to_file else None,
            "roof_share": round(self.roof_share, 4) if self.roof_share else None,
            "slowest_layers": [layer.record() for layer in self.layers],
            "error": self.error,
        }


@dataclass(frozen=True)
class SizeReport:
    """All rows of one size."""

    side: int
    """As asked for."""
    machine: Machine
    rows: list[Row]
    roofs: dict[str, float]
    """Precision → operations a second of the matrix product; empty if that was not measured."""

    @property
    def measured(self) -> bool:
        """Whether any row has figures."""
        return any(row.error is None for row in self.rows)

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "device": self.machine.device,
            "processor": self.machine.name,
            "torch": self.machine.torch,
            "python": self.machine.python,
            "threads": self.machine.threads,
            "load": self.machine.load,
            "size": self.side,
            "batch": self.rows[0].batch,
            "matrix_product_gflops_per_second": {name: round(v / 1e9, 1) for name, v in self.roofs.items()},
            "rows": [row.record() for row in self.rows],
        }
