"""The HTML page of a batch: what failed, the counts, and some pictures before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from deraincli.batch.outcome import Outcome
from deraincli.batch.summary import COLUMNS, Summary
from deraincli.imaging.decode import decode
from deraincli.imaging.image import Pixels
from deraincli.reporting.html_page import Comparison, Table, render


def batch_page(summary: Summary, total: int, title: str, facts: Sequence[str], *, max_pixels: int) -> str:
    """The page as HTML, with `facts` under its title. `total`: how many pictures there should have been.

    Of pictures, it shows those of the summary's sample that are still there, sources read anew.
    """
    failures = [(str(outcome.job.source), outcome.error or "") for outcome in summary.failed]
    tables = [Table("Failed", ("picture", "reason"), failures)] if failures else []
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


def _what_is_shown(summary: Summary, shown: int) -> str:
    if summary.done:
        return f"{shown} of {summary.done} restored pictures are shown"
    return "all of them were done already" if summary.skipped == summary.count else "no picture was restored"


def _cells(outcome: Outcome) -> list[str]:
    size, seconds = f"{outcome.width}×{outcome.height}", f"{outcome.seconds:.2f}"
    return [size, seconds, outcome.model or "", outcome.device or ""]


def _states(outcome: Outcome, max_pixels: int) -> Mapping[str, Pixels]:
    paths = {"before": outcome.job.source, "after": outcome.job.destination}
    return {label: decode(path, max_pixels=max_pixels).pixels for label, path in paths.items()}
