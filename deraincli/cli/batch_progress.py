"""How far a batch is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING

from deraincli.cli.output import Output, stderr

if TYPE_CHECKING:
    from rich.progress import Progress

    from deraincli.batch.jobs import Job
    from deraincli.batch.summary import Summary

LINE_SECONDS = 30.0
"""Between two lines where there is no terminal."""


class BatchProgress:
    """Files, megapixels a second, time left, current file. Other threads may say which picture they start."""

    def __init__(self, out: Output, total: int | None) -> None:
        """`total`: how many pictures there are; None while more may come."""
        self._out = out
        self._total = total
        self._said = time.monotonic()
        self._bar = None if out.quiet or out.json or not stderr().is_terminal else _bar()

    def __enter__(self) -> BatchProgress:
        if self._bar is not None:
            self._bar.start()
            self._bar.add_task("", total=self._total, speed="", left="", current="loading the model")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def start(self, job: Job) -> None:
        """A picture is being restored."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], current=job.name)

    def advance(self, summary: Summary) -> None:
        """One more is finished."""
        speed, left = f"{summary.megapixels_per_second:.2f} MP/s", self._left(summary)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=summary.count, speed=speed, left=left)
        elif time.monotonic() - self._said > LINE_SECONDS:
            self._said = time.monotonic()
            total = "" if self._total is None else f" of {self._total}"
            self._out.line(f"{summary.count}{total} pictures, {speed}" + (f", {left}" if left else ""))

    def _left(self, summary: Summary) -> str:
        """By the mean time a picture; nothing while there is none to go by."""
        worked = summary.count - summary.skipped
        if self._total is None or not worked:
            return ""
        seconds = round(summary.seconds / worked * (self._total - summary.count))
        return f"{timedelta(seconds=seconds)} left"


def _bar() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    fields = (TextColumn(f"{{task.fields[{name}]}}", markup=False) for name in ("speed", "left", "current"))
    return Progress(BarColumn(), MofNCompleteColumn(), *fields, console=stderr(), transient=True)
