"""Prints for all commands: results to stdout, progress, notes and errors to stderr."""

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
LINE_SECONDS = 30.0
"""Seconds of work before a line of progress if there is no terminal, and between two of them."""
PIPE_WIDTH = 1_000_000
"""Largest width of a table that goes into a pipe or a file, characters. It wraps and cuts nothing."""
LEGIBLE = 12
"""Width up to which the cells of a table stay on one line, characters, also in a narrow terminal."""
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")
"""Control characters apart from tabs and ends of lines, and those that change the direction of writing."""


@dataclass
class Output:
    """Output of a command, as --quiet, --verbose and --json ask for it."""

    quiet: bool = False
    verbose: bool = False
    json: bool = False
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    """Stream for results, also while `sys.stdout` is redirected to hide what libraries print."""
    _said: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Sets the encoding of JSON, which is UTF-8 in every locale."""
        if self.json and isinstance(self.stdout, io.TextIOWrapper):
            self.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")

    def result(self, record: Mapping[str, Any], text: str) -> None:
        """Prints a result: a JSON object on stdout with --json, else a line on stderr (none with --quiet).

        Args:
            record: The JSON object.
            text: The line.
        """
        if self.json:
            print(json.dumps(record, ensure_ascii=False, allow_nan=False), file=self.stdout, flush=True)
        else:
            self.line(text)

    def answer(self, record: Mapping[str, Any], text: str) -> None:
        """Prints a result on stdout: a JSON object with --json, else a text (none with --quiet).

        Args:
            record: The JSON object.
            text: The text, which the user asked for.
        """
        if self.json:
            self.result(record, "")
        elif not self.quiet:
            self.document(text)

    def document(self, text: str) -> None:
        """Prints a text, such as CSV, on stdout.

        Args:
            text: The text.
        """
        print(printable(text), end="" if text.endswith("\n") else "\n", file=self.stdout, flush=True)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Prints a table on stdout. Columns of numbers are aligned to the right.

        Args:
            title: Title above the table.
            columns: Headings.
            rows: Cells of each row.
        """
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console(file=self.stdout, width=None if self.stdout.isatty() else PIPE_WIDTH)
        table = Table(title=Text(printable(title)), title_justify="left")
        cells = [list(row) for row in rows]
        for place, column in enumerate(columns):
            numbers = all(row[place][:1] in "-0123456789" for row in cells)
            # If a table does not fit the terminal, long cells wrap, so that no part of them is lost.
            longest = max((len(row[place]) for row in cells), default=0)
            table.add_column(
                Text(column),
                min_width=min(longest, LEGIBLE) if place == 0 else None,
                justify="right" if numbers else "left",
                no_wrap=longest <= LEGIBLE,
                overflow="fold",
            )
        for row in cells:
            table.add_row(*(Text(printable(cell)) for cell in row))
        console.print(table)

    def note(self, text: str) -> None:
        """Prints a note on stderr, each text once, but not with --quiet.

        Args:
            text: One or more sentences.
        """
        if not self.quiet and text not in self._said:
            self._said.add(text)
            _print(f"Note: {text}", style="yellow")

    def detail(self, text: str) -> None:
        """Prints a line on stderr with --verbose, but not with --quiet.

        Args:
            text: The line.
        """
        if self.verbose and not self.quiet:
            _print(text, style="dim")

    def line(self, text: str) -> None:
        """Prints a line on stderr, but not with --quiet.

        Args:
            text: The line.
        """
        if not self.quiet:
            _print(text)

    @contextmanager
    def progress(self, label: str, pieces: str = "parts") -> Iterator[Meter]:
        """Shows progress on a terminal if the block takes longer than a second.

        Without a terminal, a line appears every LINE_SECONDS.

        Args:
            label: What is being done.
            pieces: Name of the pieces of work that the meter counts.

        Yields:
            The meter, to be called with the progress.
        """
        lines = None if self._live else RareLines(self)
        meter = Meter(label, shown=self._live, patience=PATIENCE, lines=lines, pieces=pieces)
        try:
            yield meter
        finally:
            meter.close()

    @contextmanager
    def resumable(self) -> Iterator[None]:
        """Notes on Ctrl-C that the same command resumes the work of the block.

        Yields:
            Nothing.
        """
        try:
            yield
        except KeyboardInterrupt:
            self.note("What is finished is kept: run the same command again to continue.")
            raise

    def training_meter(self) -> Meter:
        """Returns a progress bar over training steps with a text."""
        return Meter("training", shown=self._live, patience=0)

    @property
    def _live(self) -> bool:
        return not (self.quiet or self.json) and stderr().is_terminal


class RareLines:
    """Lines of progress for work without a terminal, LINE_SECONDS apart."""

    def __init__(self, out: Output) -> None:
        """Starts the clock.

        Args:
            out: Where to print.
        """
        self._out = out
        self._said = time.monotonic()

    def __call__(self, text: str) -> None:
        """Prints a line if there was none for LINE_SECONDS.

        Args:
            text: The line.
        """
        if time.monotonic() - self._said > LINE_SECONDS:
            self._said = time.monotonic()
            self._out.line(text)


class Meter:
    """A spinner with a label, and a bar as soon as there are pieces of work to count."""

    def __init__(
        self,
        label: str,
        *,
        shown: bool,
        patience: float,
        lines: RareLines | None = None,
        pieces: str = "parts",
    ) -> None:
        """Starts the clock.

        Args:
            label: What is being done.
            shown: Whether the meter ever appears.
            patience: Seconds before it appears. With 0 it appears at once.
            lines: What prints the progress if the meter never appears. None prints nothing.
            pieces: Name of the pieces of work in these lines.
        """
        self._label = label
        self._pieces = pieces
        self._lines = lines
        self._bar = _meter_bar(label) if shown else None
        self._lock = Lock()
        self._open = False
        self._closed = False
        self._alarm = Timer(patience, self._appear)
        self._alarm.daemon = True
        if shown and patience:
            self._alarm.start()
        elif shown:  # without the alarm, whose thread may start too late for short work
            self._appear()

    def __call__(self, done: int, total: int, text: str = "") -> None:
        """Moves the bar.

        Args:
            done: Number of pieces of work done.
            total: Number of all pieces.
            text: Text on the second line.
        """
        count = f"{done}/{total}" if total > 1 else ""
        self._update(completed=done, total=total if count else None, count=count, text=printable(text))
        if self._lines is not None and count:
            self._lines(f"{self._label}: {done} of {total} {self._pieces} done")

    def label(self, text: str) -> None:
        """Changes the label.

        Args:
            text: What is being done now.
        """
        self._label = text
        self._update(description=printable(text))

    def close(self) -> None:
        """Removes the meter from the terminal."""
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
    """Returns the console on stderr. There is only one, so that lines appear above a bar."""
    from rich.console import Console

    return Console(stderr=True)


def _print(text: str, style: str = "") -> None:
    """Prints a line on stderr as it is: no part of it means a style, and it is not wrapped."""
    stderr().print(printable(text), style=style, highlight=False, markup=False, soft_wrap=True)


def error(message: str) -> None:
    """Prints an error on stderr.

    Args:
        message: One sentence.
    """
    print(printable(f"Error: {message}"), file=sys.stderr)


def printable(text: str) -> str:
    """Replaces control characters, which texts from files could use to control the terminal.

    Args:
        text: Any text.

    Returns:
        The text without control characters.
    """
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


class BatchProgress:
    """Progress of a batch: files, megapixels per second, time left and current file.

    Several threads may call `start` at once.
    """

    def __init__(self, out: Output, total: int | None) -> None:
        """Sets up the progress.

        Args:
            out: Where to print.
            total: Number of pictures, None while more may come.
        """
        self._total = total
        self._lines = RareLines(out)
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
        """Shows which picture is being restored.

        Args:
            job: The job of the picture.
        """
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], text=printable(job.name))

    def advance(self, summary: BatchSummary) -> None:
        """Shows that another picture is finished.

        Args:
            summary: Counts of all pictures so far.
        """
        speed, left = f"{summary.megapixels_per_second:.2f} MP/s", self._left(summary)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=summary.count, speed=speed, left=left)
        else:
            total = "" if self._total is None else f" of {self._total}"
            self._lines(f"{summary.count}{total} pictures, {speed}" + (f", {left}" if left else ""))

    def _left(self, summary: BatchSummary) -> str:
        """Estimates the time left from the mean time of a picture. Empty before the first picture."""
        worked = summary.count - summary.skipped
        if self._total is None or not worked:
            return ""
        seconds = round(summary.seconds / worked * (self._total - summary.count))
        return f"{timedelta(seconds=seconds)} left"


def _batch_bar() -> Progress:
    from deraincli.cli.bars import batch_bar

    return batch_bar(stderr())
