"""Measures how long a run has taken, and which share of its time limit that is."""

from __future__ import annotations

import time


class Clock:
    """The time of a run, including its resumed parts.

    `share` depends on `seconds` and `validating` alone. Both change only when they are set, so that all
    processes can agree on them first.
    """

    def __init__(self, seconds: float, *, limit: float) -> None:
        """Starts the clock.

        Args:
            seconds: Time that earlier parts of the run took.
            limit: Time limit of the whole run in seconds. 0 for none.
        """
        self.seconds = seconds
        """Seconds that the run has taken, as agreed at the last step."""
        self.validating = 0.0
        """Duration of the longest validation in seconds, as agreed at the last step.

        The last validation must fit into the limit, too.
        """
        self._limit = limit
        self._earlier = seconds
        self._began = time.monotonic()

    def read(self) -> float:
        """Returns the seconds that the run has taken by now."""
        return self._earlier + time.monotonic() - self._began

    @property
    def share(self) -> float:
        """Share of the limit that is used up, 0–1. 0 if there is no limit."""
        if self._limit == 0:
            return 0.0
        return min(1.0, self.seconds / max(self._limit - self.validating, 1e-3))

    @property
    def since_start(self) -> float:
        """Seconds since this process began or resumed the run."""
        return self.seconds - self._earlier
