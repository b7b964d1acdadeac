"""The clockwork, on workloads whose order and speed are known."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deraincli.benchmark import timing
from deraincli.benchmark.tables import fitted_exponent
from deraincli.benchmark.timing import summarise, time_in_turn, time_once, warm_up


class Clock:
    """Stands in for the seconds of the machine."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Listed:
    """A workload whose passes take the seconds of a list, the last one for ever."""

    def __init__(self, clock: Clock, seconds: list[float], log: list[Listed], fails_at: int = -1) -> None:
        self.clock, self.seconds, self.log, self.fails_at = clock, seconds, log, fails_at
        self.passes = 0
        self.seen: list[int] = []

    def fresh(self) -> int:
        self.clock.now += 1000  # making inputs is not timed
        return self.passes

    def run(self, given: int) -> None:
        self.seen.append(given)
        if self.passes == self.fails_at:
            raise MemoryError
        self.clock.now += self.seconds[min(self.passes, len(self.seconds) - 1)]
        self.passes += 1
        self.log.append(self)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    return clock


def test_contestants_take_turns_and_only_their_passes_count(clock: Clock) -> None:
    log: list[Listed] = []
    one, two = Listed(clock, [9, 3, 3], log), Listed(clock, [5], log)
    timings = time_in_turn([one, two], rounds=4)
    assert [who for who, _ in groupby(log)] == [one, two, one, two, one, two, one, two, one, two]
    assert (timings[one].median, timings[one].runs) == (3, 4)
    assert (timings[two].median, timings[two].runs) == (5, 4)


def test_every_pass_has_a_new_input(clock: Clock) -> None:
    one = Listed(clock, [1], [])
    time_in_turn([one], rounds=5)
    assert one.seen == list(range(len(one.seen)))


def test_warming_up_goes_on_while_it_gets_faster(clock: Clock) -> None:
    slow_start = Listed(clock, [8, 4, 2, 1, 1, 1, 1], [])
    warm_up(slow_start, time_once(slow_start))
    assert slow_start.passes == 5
    ever_faster = Listed(clock, [0.5**i for i in range(100)], [])
    warm_up(ever_faster, time_once(ever_faster))
    assert ever_faster.passes == timing.WARM_UP_MOST


def test_the_slow_sit_out_and_the_fast_go_on(clock: Clock) -> None:
    slow, fast = Listed(clock, [timing.TIME_LIMIT], []), Listed(clock, [0.001], [])
    endless = Listed(clock, [2 * timing.TIME_LIMIT, 1], [])
    timings = time_in_turn([slow, fast, endless], rounds=20)
    assert timings[slow].runs == timing.LEAST
    assert (timings[endless].runs, timings[endless].median) == (1, 2 * timing.TIME_LIMIT)
    assert timings[fast].runs == 20


@pytest.mark.parametrize("fails_at", [0, 1, 4])
def test_running_out_of_memory_stops_nobody_else(clock: Clock, fails_at: int) -> None:
    greedy, modest = Listed(clock, [1], [], fails_at), Listed(clock, [1], [])
    timings = time_in_turn([greedy, modest], rounds=6)
    assert list(timings) == [modest]
    assert timings[modest].runs == 6


@given(st.lists(st.floats(0.001, 1000), min_size=1))
def test_percentiles_are_ordered_and_within_what_was_measured(seconds: list[float]) -> None:
    summary = summarise(seconds, first=2000.0)
    assert min(seconds) <= summary.p5 <= summary.median <= summary.p95 <= max(seconds)
    assert summary.median == pytest.approx(float(np.median(seconds)))


@given(st.floats(0.2, 3), st.floats(0.001, 10))
def test_the_exponent_of_a_power_law_is_found(exponent: float, scale: float) -> None:
    seconds = {side: scale * (side * side) ** exponent for side in (64, 100, 320, 1000)}
    assert fitted_exponent(seconds) == pytest.approx(exponent)


def test_one_size_has_no_exponent() -> None:
    assert fitted_exponent({320: 1.0}) is None
