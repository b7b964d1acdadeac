"""Ctrl-C and SIGTERM between steps, not within one, so that the state saved is a whole step's."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Whether someone asked to stop."""

    def __init__(self) -> None:
        self.asked = False

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        self.asked = True


@contextmanager
def deferred_interrupts() -> Iterator[Interruption]:
    """Inside, SIGINT and SIGTERM only set `asked`. Python allows this in the main thread alone."""
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
