"""What long work calls while it runs."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

OnProgress = Callable[[int, int], None]
"""Called after each tile with the tiles done and all tiles; starts again from 1 if tiles had to shrink."""

OnWarning = Callable[[str], None]
"""Called with a sentence for the user."""


class StoppedError(Exception):
    """Work was stopped before it was finished, because nobody waits for its result."""


def part_of(on_progress: OnProgress | None, part: int, parts: int) -> OnProgress | None:
    """Returns a callback that reports the progress of one of several equal parts of the work.

    Args:
        on_progress: Receives the progress of the whole work. None if nobody wants it.
        part: Index of the part, from 0.
        parts: Number of parts.
    """
    if on_progress is None:
        return None
    return lambda done, total: on_progress(part * total + done, parts * total)


def stop_when(stop: Event) -> OnProgress:
    """Returns a callback that stops the work after its next tile once an event is set.

    Args:
        stop: The event. The callback then raises StoppedError.
    """

    def check(done: int, total: int) -> None:
        if stop.is_set():
            raise StoppedError

    return check
