"""The only place that prints: results to stdout; progress, notes and errors to stderr."""

from __future__ import annotations

import io
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from threading import Lock, Timer
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from deraincli.batch.summary import BatchSummary
    from deraincli.files.manifest import Job

PATIENCE = 1.0
"""Seconds of work before a bar appears."""
LEGIBLE = 12
"""Characters of a line that a table's first column keeps in the narrowest terminal."""
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")
"""All of them but tabs and ends of lines, and what turns the direction of writing."""


@dataclass
class Output:
    """What a command says, as far as --quiet, --verbose and --json allow."""

    quiet: bool = False
    verbose: bool = False
    json: bool = False
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    """Where results go, even while a library's own prints to `sys.stdout` are led elsewhere."""
    _said: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """JSON is UTF-8, whatever the locale's encoding is."""
        if self.json and isinstance(self.stdout, io.TextIOWrapper):
            self.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")

    def result(self, record: Mapping[str, Any], text: str) -> None:
        """A result: one JSON object with --json, else a line of text (none with --quiet)."""
        if self.json:
            print(json.dumps(record, ensure_ascii=False, allow_nan=False), file=self.stdout, flush=True)
        elif not self.quiet:
            stderr().print(printable(text), highlight=False, markup=False, soft_wrap=True)

    def answer(self, record: Mapping[str, Any], text: str) -> None:
        """As `result`, but the text is what was asked for and goes to stdout, too."""
        if self.json:
            self.result(record, "")
        elif not self.quiet:
            self.document(text)

    def document(self, text: str) -> None:
        """A result that is a text of its own, such as CSV, on stdout."""
        print(printable(text), end="" if text.endswith("\n") else "\n", file=self.stdout, flush=True)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A result for reading, on stdout, with numbers to the right."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        # Piped, a table is as wide as it needs to be.
        console = Console(file=self.stdout, width=None if self.stdout.isatty() else 200)
        table = Table(title=Text(title), title_justify="left")
        cells = [list(row) for row in rows]
        for place, column in enumerate(columns):
            numbers = all(row[place][:1] in "-0123456789" for row in cells)
            # What does not fit a terminal costs the first column lines, rather than every one its ends, as
            # long as it stays legible.
            longest = max((len(row[place]) for row in cells), default=0)
            table.add_column(
                Text(column),
                min_width=min(longest, LEGIBLE) if place == 0 else None,
                justify="right" if numbers else "left",
                no_wrap=place > 0,
                overflow="fold" if place == 0 else "ellipsis",
            )
        for row in cells:
            table.add_row(*(Text(printable(cell)) for cell in row))
        console.print(table)

    def note(self, text: str) -> None:
        """Something the user should know, once; not with --quiet."""
        if not self.quiet and text not in self._said:
            self._said.add(text)
            stderr().print(
                printable(f"Note: {text}"), style="yellow", highlight=False, markup=False, soft_wrap=True
            )

    def detail(self, text: str) -> None:
        """Something for --verbose."""
        if self.verbose:
            stderr().print(printable(text), style="dim", highlight=False, markup=False, soft_wrap=True)

    def line(self, text: str) -> None:
        """A line on how long work is going, on stderr; not with --quiet."""
        if not self.quiet:
            stderr().print(printable(text), highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def progress(self, label: str) -> Iterator[Meter]:
        """Shows on a terminal that work goes on, if it takes longer than a second."""
        meter = Meter(label, shown=self._live, patience=PATIENCE)
        try:
            yield meter
        finally:
            meter.close()

    def training_meter(self) -> Meter:
        """A progress bar over training steps, with a text beside it."""
        return Meter("training", shown=self._live, patience=0)

    @property
    def _live(self) -> bool:
        return not (self.quiet or self.json) and stderr().is_terminal


class Meter:
    """Shows a spinner with what is being done, and a bar once there are pieces of work to count.

    Call it with how many pieces are done, of how many, and what to say beside.
    """

    def __init__(self, label: str, *, shown: bool, patience: float) -> None:
        """`patience`: seconds before anything appears."""
        self._bar = _meter_bar(label) if shown else None
        self._lock = Lock()
        self._open = False
        self._closed = False
        self._alarm = Timer(patience, self._appear)
        self._alarm.daemon = True
        if shown:
            self._alarm.start()

    def __call__(self, done: int, total: int, text: str = "") -> None:
        """Moves the bar."""
        count = f"{done}/{total}" if total > 1 else ""
        self._update(completed=done, total=total if count else None, count=count, text=printable(text))

    def label(self, text: str) -> None:
        """Says what is being done now."""
        self._update(description=printable(text))

    def close(self) -> None:
        """Takes it away."""
        self._alarm.cancel()
        with self._lock:
            self._closed = True
            if self._open and self._bar is not None:
                self._bar.stop()

    def _update(self, **fields: Any) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], **fields)

    def _appear(self) -> None:
        with self._lock:
            if not self._closed and self._bar is not None:
                self._bar.start()
                self._open = True


def _meter_bar(label: str) -> Progress:
    from deraincli.cli.bars import step_bar

    bar = step_bar(stderr())
    bar.add_task(printable(label), total=None, count="", text="")
    return bar


@cache
def stderr() -> Console:
    """The console on whatever `sys.stderr` is; there is one, so that lines go above a bar that is shown."""
    from rich.console import Console

    return Console(stderr=True)


def error(message: str) -> None:
    """One sentence on stderr."""
    print(printable(f"Error: {message}"), file=sys.stderr)


def printable(text: str) -> str:
    """Without control characters, by which a file's or a card's text could steer the terminal."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


LINE_SECONDS = 30.0
"""Between two lines where there is no terminal."""


class BatchProgress:
    """Files, megapixels a second, time left, current file. Other threads may say which picture they start."""

    def __init__(self, out: Output, total: int | None) -> None:
        """`total`: how many pictures there are; None while more may come."""
        self._out = out
        self._total = total
        self._said = time.monotonic()
        self._bar = None if out.quiet or out.json or not stderr().is_terminal else _batch_bar()

    def __enter__(self) -> BatchProgress:
        if self._bar is not None:
            self._bar.start()
            self._bar.add_task("", total=self._total, speed="", left="", text="loading the model")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def start(self, job: Job) -> None:
        """A picture is being restored."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], text=printable(job.name))

    def advance(self, summary: BatchSummary) -> None:
        """One more is finished."""
        speed, left = f"{summary.megapixels_per_second:.2f} MP/s", self._left(summary)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=summary.count, speed=speed, left=left)
        elif time.monotonic() - self._said > LINE_SECONDS:
            self._said = time.monotonic()
            total = "" if self._total is None else f" of {self._total}"
            self._out.line(f"{summary.count}{total} pictures, {speed}" + (f", {left}" if left else ""))

    def _left(self, summary: BatchSummary) -> str:
        """By the mean time a picture; nothing while there is none to go by."""
        worked = summary.count - summary.skipped
        if self._total is None or not worked:
            return ""
        seconds = round(summary.seconds / worked * (self._total - summary.count))
        return f"{timedelta(seconds=seconds)} left"


def _batch_bar() -> Progress:
    from deraincli.cli.bars import batch_bar

    return batch_bar(stderr())
