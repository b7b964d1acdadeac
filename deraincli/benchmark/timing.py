"""Times workloads in turn, A B A B …, so that a machine that drifts does so for all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from deraincli.benchmark.workloads import Workload

WARM_UP_MOST = 12
"""Runs after which a workload counts as warm although it still gets faster."""

STABLE = 0.95
"""Warm is who needs at least this share of its fastest time so far."""

PATIENCE = 60.0
"""Seconds of timed runs after which a workload sits out, once it has run LEAST times. Whose first run takes
longer is timed by that run alone."""

LEAST = 3


@dataclass(frozen=True)
class Timing:
    """Seconds of one pass."""

    median: float
    p5: float
    p95: float
    runs: int

    def milliseconds(self) -> dict[str, float]:
        """For JSON."""
        values = {"median": self.median, "p5": self.p5, "p95": self.p95}
        return {name: round(1000 * value, 3) for name, value in values.items()}


def time_in_turn(
    workloads: Sequence[Workload],
    *,
    rounds: int,
    on_round: Callable[[int], None] | None = None,
) -> dict[Workload, Timing]:
    """Warms every workload up, then times them round after round.

    Those that take long run fewer rounds; those whose memory runs out are not in the answer. `on_round`
    hears how many rounds are done.
    """
    seconds: dict[Workload, list[float]] = {}
    for workload in workloads:
        with suppress(MemoryError):
            first = time_once(workload)
            if first <= PATIENCE:
                warm_up(workload, first)
            seconds[workload] = [first] if first > PATIENCE else []
    for done in range(1, rounds + 1):
        for workload, times in list(seconds.items()):
            if sum(times) > PATIENCE and (len(times) >= LEAST or times[0] > PATIENCE):
                continue
            try:
                times.append(time_once(workload))
            except MemoryError:
                del seconds[workload]
        if on_round:
            on_round(done)
    return {workload: summarise(times) for workload, times in seconds.items()}


def warm_up(workload: Workload, fastest: float) -> None:
    """Runs until it no longer gets faster: caches fill, kernels are chosen, clocks rise.

    `fastest`: seconds of the run before.
    """
    for _ in range(WARM_UP_MOST - 1):
        latest = time_once(workload)
        if latest >= STABLE * fastest:
            return
        fastest = min(latest, fastest)


def time_once(workload: Workload) -> float:
    """Seconds of one pass over a new input."""
    given = workload.fresh()
    start = time.perf_counter()
    workload.run(given)
    return time.perf_counter() - start


def summarise(seconds: list[float]) -> Timing:
    """The median and the fifth and ninety-fifth percentiles, between runs interpolated."""
    p5, median, p95 = (float(value) for value in np.percentile(seconds, (5, 50, 95)))
    return Timing(median, p5, p95, len(seconds))
