"""Results of a benchmark as data."""

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
    """One model in one precision at one size. Fields that were not measured are None."""

    target: Target
    """Target that was measured."""
    precision: str
    """Precision of the computation."""
    backend: str
    """Backend that computed."""
    batch: int
    """Number of pictures per pass."""
    side: int
    """Side in pixels after padding to the network's multiple."""
    parameters: int | None = None
    """Number of parameters. None for classical methods."""
    flops: int | None = None
    """Operations for one picture. None for classical methods."""
    error: str | None = None
    """One sentence on why there are no figures."""
    peak: Peak | None = None
    """Peak memory of one pass."""
    opening: float | None = None
    """Seconds in which the model was opened, before its first pass."""
    latency: Timing | None = None
    """Time of one pass over a batch."""
    file_to_file: Timing | None = None
    """Time of one picture from file to file."""
    roof_share: float | None = None
    """Operations per second over those of the matrix product, in 0–1."""
    layers: list[Layer] = field(default_factory=list)
    """The slowest layers."""

    @property
    def until_first_pass(self) -> float | None:
        """Seconds from opening the model to the end of its first pass."""
        return self.opening + self.latency.first if self.opening is not None and self.latency else None

    @property
    def images_per_second(self) -> float | None:
        """Pictures per second at the median latency."""
        return self.batch / self.latency.median if self.latency else None

    @property
    def flops_per_second(self) -> float | None:
        """Operations per second at the median latency."""
        return self.batch * self.flops / self.latency.median if self.latency and self.flops else None

    def record(self) -> dict[str, Any]:
        """Returns the row as a dict for JSON."""
        paper, rate, start = self.target.paper_figures, self.images_per_second, self.until_first_pass
        return {
            "model": self.target.name,
            "weights": self.target.weights,
            "parameters": self.parameters,
            "document_parameters": paper.parameters if paper else None,
            "gflops": round(self.flops / 1e9, 3) if self.flops else None,
            "latency_ms": self.latency.milliseconds() if self.latency else None,
            "load_ms": round(1000 * start, 3) if start else None,
            "runs": self.latency.runs if self.latency else 0,
            "images_per_second": round(rate, 3) if rate else None,
            "peak_memory_mb": round(self.peak.bytes / 1e6, 1) if self.peak else None,
            "precision": self.precision,
            "backend": self.backend,
            "document_seconds": paper.seconds if paper else None,
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
    """Requested side in pixels, before padding."""
    machine: Machine
    """Machine at the time of the measurement."""
    rows: list[Row]
    """One row per target, precision and backend."""
    roofs: dict[str, float]
    """Operations per second of the matrix product by precision. Empty if not measured."""

    @property
    def measured(self) -> bool:
        """Whether at least one row was measured without an error."""
        return any(row.error is None for row in self.rows)

    def record(self) -> dict[str, Any]:
        """Returns the report as a dict for JSON."""
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
