"""Times workloads in turn (A B A B …), so that a drift in the machine's speed affects all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from deraincli.benchmark.workloads import Workload

WARM_UP_MOST = 12
"""Largest number of warm-up runs, even if the workload still gets faster."""

STABLE = 0.95
"""A workload counts as warm once a run takes at least this share of its best time so far."""

TIME_LIMIT = 60.0
"""Seconds of timed runs after which a workload is no longer run, once it has run LEAST times.

If the first run takes longer than this, its time is the only measurement.
"""

LEAST = 3
"""Smallest number of timed runs of a workload, unless its first run exceeds TIME_LIMIT."""


@dataclass(frozen=True)
class Timing:
    """Time of one pass over several runs."""

    median: float
    """Median in seconds."""
    p5: float
    """5th percentile in seconds."""
    p95: float
    """95th percentile in seconds."""
    runs: int
    """Number of timed runs."""
    first: float
    """The very first run in seconds, in which kernels are chosen or compiled."""

    def milliseconds(self) -> dict[str, float]:
        """Returns the times in milliseconds as a dict for JSON."""
        values = {"median": self.median, "p5": self.p5, "p95": self.p95}
        return {name: round(1000 * value, 3) for name, value in values.items()}


def time_in_turn(
    workloads: Sequence[Workload],
    *,
    rounds: int,
    on_round: Callable[[int], None] | None = None,
) -> dict[Workload, Timing]:
    """Warms up all workloads, then times them round by round.

    Args:
        workloads: The workloads to time. Slow workloads run fewer rounds.
        rounds: Number of rounds.
        on_round: Receives the number of finished rounds.

    Returns:
        The timings. Workloads that run out of memory are omitted.
    """
    firsts: dict[Workload, float] = {}
    seconds: dict[Workload, list[float]] = {}
    for workload in workloads:
        with suppress(MemoryError):
            first = firsts[workload] = time_once(workload)
            if first <= TIME_LIMIT:
                warm_up(workload, first)
            seconds[workload] = [first] if first > TIME_LIMIT else []
    for done in range(1, rounds + 1):
        for workload, times in list(seconds.items()):
            if sum(times) > TIME_LIMIT and (len(times) >= LEAST or times[0] > TIME_LIMIT):
                continue
            try:
                times.append(time_once(workload))
            except MemoryError:
                del seconds[workload]
        if on_round:
            on_round(done)
    return {workload: summarise(times, firsts[workload]) for workload, times in seconds.items()}


def warm_up(workload: Workload, fastest: float) -> None:
    """Runs a workload until it no longer gets faster. Caches fill, kernels are chosen and clocks rise.

    Args:
        workload: The workload to run.
        fastest: Seconds of the run before.
    """
    for _ in range(WARM_UP_MOST - 1):
        latest = time_once(workload)
        if latest >= STABLE * fastest:
            return
        fastest = min(latest, fastest)


def time_once(workload: Workload) -> float:
    """Times one pass over a new input.

    Args:
        workload: The workload to run.

    Returns:
        The time in seconds.
    """
    given = workload.fresh()
    start = time.perf_counter()
    workload.run(given)
    return time.perf_counter() - start


def summarise(seconds: list[float], first: float) -> Timing:
    """Computes the median and the 5th and 95th percentiles, interpolated between runs.

    Args:
        seconds: Seconds of each timed run.
        first: Seconds of the very first run.

    Returns:
        The summary in seconds.
    """
    p5, median, p95 = (float(value) for value in np.percentile(seconds, (5, 50, 95)))
    return Timing(median, p5, p95, len(seconds), first)
