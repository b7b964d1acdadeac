"""How long a run has taken, and how much of its time limit that is."""

from __future__ import annotations

import time


class Clock:
    """A run's time, resumed parts included. What it says changes only when it is set."""

    def __init__(self, seconds: float, *, limit: float) -> None:
        """`seconds` were taken before; `limit`, in seconds, may be 0 for none."""
        self.seconds = seconds
        self.validating = 0.0
        """Seconds that the longest validation took; the last one has to fit into the limit as well."""
        self._limit = limit
        self._earlier = seconds
        self._began = time.monotonic()

    def read(self) -> float:
        """Seconds that the run has taken by now."""
        return self._earlier + time.monotonic() - self._began

    @property
    def share(self) -> float:
        """How much of the limit is used up, 0–1; 0 if there is none."""
        if self._limit == 0:
            return 0.0
        return min(1.0, self.seconds / max(self._limit - self.validating, 1e-3))

    @property
    def since_start(self) -> float:
        """Seconds since this process began or resumed the run."""
        return self.seconds - self._earlier
