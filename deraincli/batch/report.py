"""The HTML page of a batch: what failed, the counts, and some pictures before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from deraincli.batch.outcome import Outcome, RestoreSettings
from deraincli.batch.summary import COLUMNS, BatchSummary
from deraincli.files.atomic import check_destination, write_atomically
from deraincli.imaging.decode import decode
from deraincli.imaging.image import Pixels
from deraincli.reporting.html_page import Comparison, Table, facts_of, render
from deraincli.restoration.identity import SETTINGS

COMMAND = "derain batch"
"""The first fact of every page, by which a later run knows it."""


def batch_page(
    summary: BatchSummary, total: int, title: str, facts: Sequence[str], *, max_pixels: int
) -> str:
    """The page as HTML, with `facts` under its title. `total`: how many pictures there should have been.

    Of pictures, it shows those of the summary's sample that are still there, sources read anew.
    """
    failures = summary.failures
    tables = [Table("Failed", ("picture or folder", "reason"), failures)] if failures else []
    shown = [o for o in summary.shown if o.job.source.is_file() and o.job.destination.is_file()]
    return render(
        title,
        [*facts, _what_is_shown(summary, len(shown))],
        tables=[*tables, Table("In all", COLUMNS, [summary.row(total)])],
        listed=("size", "seconds", "model", "device"),
        comparisons=[
            Comparison(
                outcome.job.name,
                f"{outcome.width}×{outcome.height}",
                _cells(outcome),
                partial(_states, outcome, max_pixels),
            )
            for outcome in shown
        ],
    )


def _what_is_shown(summary: BatchSummary, shown: int) -> str:
    if summary.done:
        return f"{shown} of {summary.done} restored pictures are shown"
    return "all of them were done already" if summary.skipped == summary.count else "no picture was restored"


def _cells(outcome: Outcome) -> list[str]:
    size, seconds = f"{outcome.width}×{outcome.height}", f"{outcome.seconds:.2f}"
    return [size, seconds, outcome.model or "", outcome.device or ""]


def _states(outcome: Outcome, max_pixels: int) -> Mapping[str, Pixels]:
    paths = {"before": outcome.job.source, "after": outcome.job.destination}
    return {label: decode(path, max_pixels=max_pixels).pixels for label, path in paths.items()}


class BatchReport:
    """A page that shows how a batch stands, written as often as there is news."""

    def __init__(self, file: Path, inputs: tuple[str, ...], settings: RestoreSettings) -> None:
        """Raises OutputError if the file cannot be written, or is there and no page of a batch.

        A page of an earlier run is replaced, so that the same command resumes.
        """
        self._ours = settings.overwrite or facts_of(file)[:1] == [COMMAND]
        check_destination(file, overwrite=self._ours)
        self._file = file
        self._inputs = inputs
        self._settings = settings

    def write(self, summary: BatchSummary, total: int) -> None:
        """Writes the page in place of its last state. Raises OutputError."""
        page = batch_page(
            summary, total, ", ".join(self._inputs), self._facts(), max_pixels=self._settings.max_pixels
        )
        # A name that is no Unicode becomes the escape that JSON has for it.
        write_atomically(self._file, page.encode(errors="backslashreplace"), overwrite=self._ours)
        self._ours = True

    def _facts(self) -> list[str]:
        asked = {name: getattr(self._settings.load, name) for name in SETTINGS}
        others = [f"{name} {value}" for name, value in asked.items() if value not in ("auto", None)]
        return [COMMAND, f"model {self._settings.model.name}", f"{datetime.now():%Y-%m-%d %H:%M}", *others]
