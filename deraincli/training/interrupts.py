"""Defers Ctrl-C and SIGTERM to the end of a step, so that the saved state is that of a whole step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Records whether a signal asked the run to stop."""

    def __init__(self) -> None:
        self.asked = False
        """Whether SIGINT or SIGTERM has arrived."""

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        self.asked = True


@contextmanager
def deferred_interrupts() -> Iterator[Interruption]:
    """Lets SIGINT and SIGTERM only set `asked` within the block.

    Python allows this in the main thread only. In other threads nothing changes.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    kept = {number: signal.signal(number, interruption._ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interruption
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
