"""What came of a whole batch."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deraincli.batch.outcome import Outcome, Status
from deraincli.errors import InputError
from deraincli.files.manifest import Job

SHOWN = 24
"""So many restored pictures the page shows, spread over the run."""

COLUMNS = ("done", "skipped", "failed", "not started", "megapixels", "MP/s", "seconds")


@dataclass
class BatchSummary:
    """Counts outcomes as they come, of every picture the last; of those that are done it keeps a bounded
    sample."""

    unlisted: Mapping[Path, InputError] = field(default_factory=dict)
    """Folders that cannot be listed, with an error each."""
    pixels: int = 0
    """Restored in this run, those of a picture that changed meanwhile every time."""
    network_seconds: float = 0.0
    """Likewise."""
    _began: float = field(default_factory=time.monotonic)
    _last: dict[Job, Status] = field(default_factory=dict)
    _counts: Counter[Status] = field(default_factory=Counter)
    _failed: dict[Job, Outcome] = field(default_factory=dict)
    _sample: list[Outcome] = field(default_factory=list)
    _every: int = 1

    def add(self, outcome: Outcome) -> None:
        """Counts one more, in place of an earlier one of the same picture."""
        job = outcome.job
        if job in self._last:
            self._counts[self._last[job]] -= 1
            self._failed.pop(job, None)
            self._sample = [kept for kept in self._sample if kept.job != job]
        if outcome.status == "failed":
            self._failed[job] = outcome
        elif outcome.status == "done":
            self._keep(outcome)
            self.pixels += outcome.pixels
            self.network_seconds += outcome.network_seconds
        self._last[job] = outcome.status
        self._counts[outcome.status] += 1

    @property
    def done(self) -> int:
        """How many were restored."""
        return self._counts["done"]

    @property
    def skipped(self) -> int:
        """How many were done already."""
        return self._counts["skipped"]

    @property
    def failed(self) -> list[Outcome]:
        """Those that failed."""
        return list(self._failed.values())

    @property
    def failures(self) -> list[tuple[str, str]]:
        """The folders that cannot be listed and the pictures that failed, each with the reason."""
        folders = [(str(folder), str(error)) for folder, error in self.unlisted.items()]
        return folders + [(str(outcome.job.source), outcome.error or "") for outcome in self.failed]

    @property
    def count(self) -> int:
        """How many pictures there were."""
        return len(self._last)

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
        counts = (self.done, self.skipped, len(self._failed), total - self.count)
        speeds = (self.pixels / 1e6, self.megapixels_per_second, self.seconds)
        return [*map(str, counts), *(f"{value:.{1 if value >= 10 else 2}f}" for value in speeds)]

    def _keep(self, outcome: Outcome) -> None:
        """Every so-maniest; when there are too many, every other one goes."""
        if self.done % self._every == 0:
            self._sample.append(outcome)
        if len(self._sample) > SHOWN:
            self._sample = self._sample[::2]
            self._every *= 2
