"""What an unfinished evaluation keeps on disk, so that a restart goes on where the last run stopped."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from deraincli.errors import OutputError
from deraincli.files.folders import make_folder
from deraincli.files.journal import Journal
from deraincli.files.locations import cache_folder


class Workspace:
    """A folder in the cache that belongs to one evaluation and goes when that is finished.

    pictures: where restored pictures go; None if nobody wants them.
    """

    def __init__(self, key: str, *, save: Path | None, for_report: bool, overwrite: bool) -> None:
        """Open the workspace of the evaluation that `key` stands for, which may have been begun before.

        save: where the user wants the restored pictures. Raises OutputError if anything is there already that
            does not come from this evaluation, unless `overwrite`.
        for_report: whether a report will need the pictures.
        """
        self._folder = cache_folder() / "evaluations" / hashlib.sha256(key.encode()).hexdigest()[:16]
        self._journal = Journal(self._folder / "scores.jsonl")
        self.pictures = save or (self._folder / "pictures" if for_report else None)
        if save and not overwrite and not len(self._journal) and save.is_dir() and any(save.iterdir()):
            raise OutputError(f"'{save}' is not empty: choose a new folder or add --overwrite.")

    def folder_for(self, name: str, *, alone: bool) -> Path | None:
        """Create and return the folder of one model's pictures; with `alone` it needs none of its own."""
        if self.pictures is None:
            return None
        safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
        folder = self.pictures if alone else self.pictures / safe
        make_folder(folder)
        return folder

    def recorded(self, key: str) -> Any | None:
        """Returns what this or an earlier run recorded under the key, None if nothing."""
        return self._journal.get(key)

    def record(self, key: str, value: Any) -> None:
        """Records a JSON value under the key.

        The record only saves time after a restart. Where it cannot be written, the evaluation goes on.
        """
        with suppress(OutputError):
            self._journal.record(key, value)

    def close(self) -> None:
        """Everything is finished: remove what was kept only for a restart."""
        shutil.rmtree(self._folder, ignore_errors=True)
