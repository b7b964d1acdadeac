"""The page that `derain batch --report` writes, at the end and now and then while watching."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deraincli.batch.outcome import Settings
    from deraincli.batch.summary import Summary


class BatchReport:
    """A page that tells how a batch stands, written as often as there is news."""

    def __init__(self, file: Path, inputs: tuple[str, ...], settings: Settings) -> None:
        """Raises OutputError if the file cannot be written, or is there and not to be replaced."""
        from deraincli.files.atomic import check_destination

        check_destination(file, overwrite=settings.overwrite)
        self._file = file
        self._inputs = inputs
        self._settings = settings
        self._ours = settings.overwrite

    def write(self, summary: Summary, total: int) -> None:
        """Writes the page in place of its last state. Raises OutputError."""
        from deraincli.batch.report import batch_page
        from deraincli.files.atomic import write_atomically

        page = batch_page(
            summary, total, ", ".join(self._inputs), self._facts(), max_pixels=self._settings.max_pixels
        )
        # A name that is no Unicode becomes the escape that JSON has for it.
        write_atomically(self._file, page.encode(errors="backslashreplace"), overwrite=self._ours)
        self._ours = True

    def _facts(self) -> list[str]:
        from deraincli.model_zoo.catalogue import find_model

        asked = dict(self._settings.network)
        model, task = asked.pop("model"), asked.pop("task")
        name, _ = find_model(model, task)
        others = [f"{key} {value}" for key, value in asked.items() if value != "auto"]
        return ["derain batch", f"model {name}", f"{datetime.now():%Y-%m-%d %H:%M}", *others]
