"""Sums up the outcomes of a batch."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deraincli.batch.outcome import Outcome, Status
from deraincli.errors import InputError
from deraincli.files.manifest import Job

COLUMNS = ("done", "skipped", "failed", "not started", "megapixels", "MP/s", "seconds")
"""Titles of the columns of `BatchSummary.row`."""


@dataclass
class BatchSummary:
    """Counts the latest outcome of every picture."""

    unlisted: Mapping[Path, InputError] = field(default_factory=dict)
    """Folders that cannot be listed, each with its error."""
    pixels: int = 0
    """Number of pixels restored in this run. A picture counts each time it is restored."""
    notes: Counter[str] = field(default_factory=Counter)
    """The notes of this run, each with the number of pictures to which it belongs."""
    _began: float = field(default_factory=time.monotonic)
    _last: dict[Job, Outcome] = field(default_factory=dict)
    _counts: Counter[Status] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Counts an outcome. It replaces an earlier one of the same picture.

        Args:
            outcome: The outcome.
        """
        earlier = self._last.get(outcome.job)
        if earlier is not None:
            self._counts[earlier.status] -= 1
        if outcome.status == "done":
            self.pixels += outcome.pixels
        self.notes.update(outcome.notes)
        self._last[outcome.job] = outcome
        self._counts[outcome.status] += 1

    @property
    def done(self) -> int:
        """Number of pictures that were restored in this run."""
        return self._counts["done"]

    @property
    def skipped(self) -> int:
        """Number of pictures that had a finished result already."""
        return self._counts["skipped"]

    @property
    def failed(self) -> list[Outcome]:
        """Outcomes of the pictures that failed."""
        return [outcome for outcome in self._last.values() if outcome.status == "failed"]

    @property
    def failures(self) -> list[tuple[str, str]]:
        """The folders that cannot be listed and the pictures that failed, each with the reason."""
        folders = [(str(folder), str(error)) for folder, error in self.unlisted.items()]
        return folders + [(str(outcome.job.source), outcome.error or "") for outcome in self.failed]

    @property
    def count(self) -> int:
        """Number of pictures with an outcome."""
        return len(self._last)

    @property
    def restored(self) -> list[Outcome]:
        """Outcomes of the pictures that have a result, from this run or an earlier one."""
        return [outcome for outcome in self._last.values() if outcome.status != "failed"]

    @property
    def compared(self) -> list[Outcome]:
        """Outcomes of the restored pictures whose change is known. Earlier versions did not record it."""
        return [outcome for outcome in self.restored if outcome.change]

    @property
    def hardly_changed(self) -> list[Outcome]:
        """Outcomes of the restored pictures that changed so little that rain may be left."""
        return [outcome for outcome in self.compared if outcome.hardly_changed]

    @property
    def models(self) -> dict[str, int]:
        """Number of pictures that each model restored, the largest number first."""
        return dict(Counter(outcome.model for outcome in self.restored if outcome.model).most_common())

    @property
    def seconds(self) -> float:
        """Seconds since the start of this run."""
        return time.monotonic() - self._began

    @property
    def megapixels_per_second(self) -> float:
        """Megapixels restored in this run per second."""
        return self.pixels / 1e6 / max(self.seconds, 1e-9)

    def row(self, total: int) -> list[str]:
        """Returns the counts and speeds as text, in the order of COLUMNS.

        Args:
            total: Number of pictures of the whole batch.
        """
        counts = (self.done, self.skipped, self._counts["failed"], total - self.count)
        speeds = (self.pixels / 1e6, self.megapixels_per_second, self.seconds)
        return [*map(str, counts), *(f"{value:.{1 if value >= 10 else 2}f}" for value in speeds)]
