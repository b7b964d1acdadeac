"""Progress bars that show their counts and times in full, also in a narrow terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

LABEL_WIDTH = 24
"""Largest width of a label, such as the path of a photo, characters."""


class TwoLineBar(Progress):
    """A bar with the text of its task on a second line, which leaves the first line to the counts."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yields the bars, then the texts."""
        yield self.make_tasks_table(self.tasks)
        yield from (Text(text) for task in self.tasks if (text := task.fields["text"]))


def step_bar(console: Console) -> Progress:
    """Makes a bar with a label, the time left, and the field `count` of its task.

    Args:
        console: Where it appears.

    Returns:
        The bar.
    """
    label = Column(max_width=LABEL_WIDTH, no_wrap=True, overflow="ellipsis")
    return TwoLineBar(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False, table_column=label),
        BarColumn(),
        TextColumn("{task.fields[count]}", markup=False),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        console=console,
        transient=True,
    )


def batch_bar(console: Console) -> Progress:
    """Makes a bar with the count, and the fields `speed` and `left` of its task.

    Args:
        console: Where it appears.

    Returns:
        The bar.
    """
    return TwoLineBar(
        BarColumn(),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[speed]}", markup=False),
        TextColumn("{task.fields[left]}", markup=False),
        console=console,
        transient=True,
    )
