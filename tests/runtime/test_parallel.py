"""Results in order, bounded work ahead, and errors at their item's turn."""

from __future__ import annotations

from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deraincli.runtime.parallel import ordered_map


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers()), st.integers(1, 4), st.integers(0, 5))
def test_results_come_in_the_items_order(items: list[int], workers: int, ahead: int) -> None:
    assert list(ordered_map(str, items, workers=workers, ahead=ahead)) == list(map(str, items))


def test_no_more_items_are_taken_than_asked_for() -> None:
    taken = []
    results = ordered_map(str, (taken.append(n) or n for n in range(100)), workers=2, ahead=3)
    for count in range(1, 5):
        next(results)
        assert len(taken) == count + 3


def test_an_error_comes_at_its_items_turn() -> None:
    results = ordered_map(lambda n: 1 // n, [1, 0, 1], workers=2, ahead=2)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_what_has_not_begun_is_dropped_when_the_reader_stops() -> None:
    begun, go_on = [], Event()

    def work(n: int) -> int:
        begun.append(n)
        if n:
            go_on.wait()
        return n

    results = ordered_map(work, range(10), workers=1, ahead=5)
    assert next(results) == 0
    go_on.set()
    results.close()
    assert len(begun) <= 7
