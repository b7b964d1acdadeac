"""What is counted of outcomes that come again and again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from deraincli.batch.outcome import Outcome
from deraincli.batch.summary import BatchSummary
from deraincli.files.manifest import Job
from deraincli.inference.change import LITTLE_CHANGE, Change

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
    assert {o.job.name for o in summary.restored} == {str(n) for n in last if last[n] != "failed"}


def test_small_speeds_have_digits():
    summary = BatchSummary()
    summary.add(outcome(0, "done"))
    assert summary.row(1)[:5] == ["1", "0", "0", "0", "0.00"]


@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.floats(0, 1)), max_size=40))
def test_pictures_are_counted_by_their_change_and_their_model(events):
    summary, last = BatchSummary(), {}
    for number, share in events:
        change = None if share is None else Change(0.1, share)
        summary.add(replace(outcome(number, "done"), change=change, model=f"net-{number % 2}"))
        last[number] = share
    known = [share for share in last.values() if share is not None]
    assert len(summary.compared) == len(known)
    assert len(summary.hardly_changed) == sum(share < LITTLE_CHANGE for share in known)
    assert sum(summary.models.values()) == len(last)
    assert summary.models.get("net-1", 0) == sum(number % 2 for number in last)
