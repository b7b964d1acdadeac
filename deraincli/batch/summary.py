"""What came of a whole batch."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from deraincli.batch.outcome import Outcome

SHOWN = 24
"""So many restored pictures the page shows, spread over the run."""

COLUMNS = ("done", "skipped", "failed", "not started", "megapixels", "MP/s", "seconds")


@dataclass
class Summary:
    """Counts outcomes as they come; of those that are done it keeps a bounded sample."""

    done: int = 0
    skipped: int = 0
    failed: list[Outcome] = field(default_factory=list)
    pixels: int = 0
    network_seconds: float = 0.0
    _began: float = field(default_factory=time.monotonic)
    _sample: list[Outcome] = field(default_factory=list)
    _every: int = 1

    def add(self, outcome: Outcome) -> None:
        """Counts one more."""
        if outcome.status == "failed":
            self.failed.append(outcome)
        elif outcome.status == "skipped":
            self.skipped += 1
        else:
            self._keep(outcome)
            self.done += 1
            self.pixels += outcome.pixels
            self.network_seconds += outcome.network_seconds

    @property
    def count(self) -> int:
        """How many there were."""
        return self.done + self.skipped + len(self.failed)

    @property
    def shown(self) -> list[Outcome]:
        """At most SHOWN of those that are done, evenly spread over the run."""
        return self._sample[:SHOWN]

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    @property
    def megapixels_per_second(self) -> float:
        """Of what was restored in this run."""
        return self.pixels / 1e6 / max(self.seconds, 1e-9)

    def row(self, total: int) -> list[str]:
        """One row under COLUMNS; `total`: how many there should have been."""
        counts = (self.done, self.skipped, len(self.failed), total - self.count)
        speeds = (self.pixels / 1e6, self.megapixels_per_second, self.seconds)
        return [*map(str, counts), *(f"{value:.1f}" for value in speeds)]

    def _keep(self, outcome: Outcome) -> None:
        """Every so-maniest; when there are too many, every other one goes."""
        if self.done % self._every == 0:
            self._sample.append(outcome)
        if len(self._sample) > SHOWN:
            self._sample = self._sample[::2]
            self._every *= 2
