"""The HTML page of a batch. It shows failures, counts, and pictures before and after restoration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from deraincli.batch.outcome import Outcome, RestoreSettings
from deraincli.batch.summary import COLUMNS, BatchSummary
from deraincli.errors import InputError
from deraincli.files.atomic import check_destination, write_atomically
from deraincli.files.walk import natural_path
from deraincli.imaging.decode import decode
from deraincli.imaging.display import to_display_rgb
from deraincli.imaging.thumbnail import read_thumbnail
from deraincli.inference.change import percent
from deraincli.pixels import Pixels
from deraincli.reporting.html_page import Comparison, Table, facts_of, render
from deraincli.restoration.identity import SETTINGS
from deraincli.restoration.load import LoadOptions
from deraincli.runtime.parallel import ordered_map, usable_cpus

COMMAND = "derain batch"
"""The first fact of every page. A later run recognises the page by it."""
FULL_SIZE = 24
"""Largest number of pictures that the page shows at full size."""
THUMBNAILS = 1000
"""Largest number of pictures that the page shows. It bounds the size of the page and the time to write it."""
LISTED = 20_000
"""Largest number of pictures that the page lists."""
THUMBNAIL_SIDE = 128
"""Longest side of a thumbnail in pixels."""

_USUAL = LoadOptions()
"""The settings that the page leaves out."""

States = Mapping[str, Pixels]
"""A picture "before" and "after" its restoration. Empty if it cannot be shown."""


class BatchReport:
    """A page that shows the state of a batch. It can be written again whenever the state changes."""

    def __init__(self, file: Path, inputs: tuple[str, ...], settings: RestoreSettings) -> None:
        """Checks that the page can be written. Writes nothing.

        A page of an earlier run may be replaced, so that the same command can resume the run.

        Args:
            file: The page.
            inputs: Folders, files and globs, for the title.
            settings: How pictures are restored and saved.

        Raises:
            ExistsError: The file exists and is not a page of a batch.
            OutputError: The file cannot be written.
        """
        self._ours = settings.overwrite or facts_of(file)[:1] == [COMMAND]
        check_destination(file, overwrite=self._ours)
        self._file = file
        self._inputs = inputs
        self._settings = settings
        self._thumbnails: dict[Outcome, States] = {}

    def write(self, summary: BatchSummary, total: int) -> None:
        """Writes the page, and replaces its earlier state.

        Args:
            summary: The outcomes so far.
            total: Number of pictures of the whole batch.

        Raises:
            OutputError: The page cannot be written.
        """
        page = self._page(summary, total)
        # File names may not be valid Unicode. Their invalid characters are escaped as JSON escapes them.
        write_atomically(self._file, page.encode(errors="backslashreplace"), overwrite=self._ours)
        self._ours = True

    def _page(self, summary: BatchSummary, total: int) -> str:
        """Returns the page as HTML."""
        listed = sorted(summary.restored, key=lambda outcome: natural_path(outcome.job.source))[:LISTED]
        shown = _spread(listed, THUMBNAILS)
        full_size = set(_spread(shown, FULL_SIZE))
        self._thumbnails = _thumbnails(shown, self._thumbnails, self._settings.max_pixels)
        failures = summary.failures
        tables = [Table("Failed", ("picture or folder", "reason"), failures)] if failures else []
        models = [(name, str(count)) for name, count in summary.models.items()]
        return render(
            ", ".join(self._inputs),
            [*self._facts(), *_statements(summary, len(shown), len(listed))],
            tables=[
                *tables,
                Table("In all", COLUMNS, [summary.row(total)]),
                *([Table("Models", ("model", "pictures"), models)] if models else []),
            ],
            listed=("result", "changed", "size", "seconds", "model", "device"),
            comparisons=[self._comparison(outcome, outcome in full_size) for outcome in listed],
        )

    def _comparison(self, outcome: Outcome, full_size: bool) -> Comparison:
        read = partial(_states, outcome, self._settings.max_pixels)
        thumbnails = self._thumbnails.get(outcome, {})
        return Comparison(
            outcome.job.name,
            _size(outcome),
            _cells(outcome),
            read if full_size else lambda: thumbnails,
            small=not full_size,
        )

    def _facts(self) -> list[str]:
        asked = {name: getattr(self._settings.load, name) for name in SETTINGS}
        others = [
            name if value is True else f"{name} {value}"
            for name, value in asked.items()
            if value != getattr(_USUAL, name)
        ]
        control = str(self._settings.control)
        model, now = f"model {self._settings.model.name}", f"{datetime.now():%Y-%m-%d %H:%M}"
        return [COMMAND, model, now, *others, *([control] if control else [])]


def _statements(summary: BatchSummary, shown: int, listed: int) -> list[str]:
    """Returns statements on the results, and on which pictures the page lists and shows."""
    restored = len(summary.restored)
    if not restored:
        return ["no picture was restored"]
    statements = []
    if summary.compared:
        little, compared = len(summary.hardly_changed), len(summary.compared)
        statements.append(f"{compared - little} of {compared} pictures changed, {little} hardly")
    if listed < restored:
        statements.append(f"{listed} of {restored} pictures are listed")
    if shown < restored:
        statements.append(f"{shown} of {restored} pictures are shown")
    if summary.skipped == summary.count:
        statements.append("all of them were done already")
    return statements


def _spread(outcomes: Sequence[Outcome], count: int) -> list[Outcome]:
    """Returns at most `count` of the outcomes, evenly spread."""
    step = max(len(outcomes) / count, 1)
    return [outcomes[int(index * step)] for index in range(min(count, len(outcomes)))]


def _thumbnails(
    outcomes: Sequence[Outcome], known: Mapping[Outcome, States], max_pixels: int
) -> dict[Outcome, States]:
    """Returns the thumbnails of the outcomes. Reads those that are not known yet."""
    missing = [outcome for outcome in outcomes if outcome not in known]
    read = partial(_read, reader=partial(read_thumbnail, longest_side=THUMBNAIL_SIDE, max_pixels=max_pixels))
    workers = usable_cpus()
    read_anew = zip(missing, ordered_map(read, missing, workers=workers, ahead=workers), strict=True)
    both = {**known, **dict(read_anew)}
    return {outcome: both[outcome] for outcome in outcomes}


def _states(outcome: Outcome, max_pixels: int) -> States:
    return _read(outcome, lambda file: to_display_rgb(decode(file, max_pixels=max_pixels)))


def _read(outcome: Outcome, reader: Callable[[Path], Pixels]) -> States:
    """Reads a picture before and after its restoration, or nothing if a file is missing or damaged."""
    try:
        return {"before": reader(outcome.job.source), "after": reader(outcome.job.destination)}
    except InputError:
        return {}


def _size(outcome: Outcome) -> str:
    return f"{outcome.width}×{outcome.height}" if outcome.pixels else ""


def _cells(outcome: Outcome) -> list[str]:
    changed = percent(outcome.change.share) if outcome.change else ""
    return [
        outcome.status,
        f"{changed}, hardly" if outcome.hardly_changed else changed,
        _size(outcome),
        "" if outcome.seconds is None else f"{outcome.seconds:.2f}",
        outcome.model or "",
        outcome.device or "",
    ]
