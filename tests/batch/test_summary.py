"""What is counted of outcomes that come again and again."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from deraincli.batch.outcome import Outcome
from deraincli.batch.summary import SHOWN, BatchSummary
from deraincli.files.manifest import Job

OUTCOMES = st.tuples(st.integers(0, 60), st.sampled_from(["done", "skipped", "failed"]))


def outcome(number: int, status: str) -> Outcome:
    return Outcome(
        Job(Path(f"p/{number}"), f"{number}", Path("out"), f"{number}"), status, width=10, height=10
    )


@given(st.lists(OUTCOMES, max_size=200))
def test_the_last_outcome_of_each_picture_counts(events):
    summary, last = BatchSummary(), {}
    for number, status in events:
        summary.add(outcome(number, status))
        last[number] = status
    statuses = list(last.values())
    assert (summary.done, summary.skipped) == (statuses.count("done"), statuses.count("skipped"))
    assert sorted(o.job.name for o in summary.failed) == sorted(str(n) for n in last if last[n] == "failed")
    assert summary.count == len(last)
    shown = [o.job.name for o in summary.shown]
    assert len(shown) == len(set(shown)) <= SHOWN
    assert all(last[int(name)] == "done" for name in shown)


def test_small_speeds_have_digits():
    summary = BatchSummary()
    summary.add(outcome(0, "done"))
    assert summary.row(1)[:5] == ["1", "0", "0", "0", "0.00"]
