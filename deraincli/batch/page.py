"""The HTML page of a batch: what failed, the counts, and some pictures before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from deraincli.batch.outcome import Outcome
from deraincli.batch.summary import COLUMNS, Summary
from deraincli.imaging.codec import decode
from deraincli.imaging.image import Pixels
from deraincli.report import Comparison, Table, render


def batch_page(summary: Summary, total: int, facts: Sequence[str], *, max_pixels: int) -> str:
    """The page as HTML. `total`: how many pictures there should have been.

    Of pictures, it shows those of the summary's sample that are still there, sources read anew.
    """
    failures = [(str(outcome.job.source), outcome.error or "") for outcome in summary.failed]
    tables = [Table("Failed", ("picture", "reason"), failures)] if failures else []
    shown = [o for o in summary.shown if o.job.source.is_file() and o.job.destination.is_file()]
    return render(
        "Batch",
        [*facts, f"{len(shown)} of {summary.done} restored pictures are shown"],
        tables=[*tables, Table("All pictures", COLUMNS, [summary.row(total)])],
        listed=("size", "seconds", "device"),
        comparisons=[
            Comparison(
                outcome.job.name,
                f"{outcome.width}×{outcome.height}",
                [f"{outcome.width}×{outcome.height}", f"{outcome.seconds:.2f}", outcome.device or ""],
                partial(_states, outcome, max_pixels),
            )
            for outcome in shown
        ],
    )


def _states(outcome: Outcome, max_pixels: int) -> Mapping[str, Pixels]:
    paths = {"before": outcome.job.source, "after": outcome.job.destination}
    return {label: decode(path, max_pixels=max_pixels).pixels for label, path in paths.items()}
