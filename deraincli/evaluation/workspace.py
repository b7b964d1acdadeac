"""Scores and pictures of an unfinished evaluation on disk, from which a restart continues."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from deraincli.errors import OutputError
from deraincli.files.folders import make_folder
from deraincli.files.journal import Journal
from deraincli.files.locations import cache_folder
from deraincli.files.text_hash import text_sha256


class Workspace:
    """A folder in the cache that belongs to one evaluation. It is removed when the evaluation is finished.

    A lock ensures that only one process at a time uses the folder. The system releases the lock of a process
    that dies.

    Attributes:
        pictures: The folder for restored pictures. None if they are not needed.
    """

    def __init__(self, key: str, *, save: Path | None, for_report: bool, overwrite: bool) -> None:
        """Opens the workspace of an evaluation, which an earlier run may have begun.

        Args:
            key: Everything that distinguishes this evaluation from others.
            save: Where the user wants the restored pictures.
            for_report: Whether a report will need the pictures.
            overwrite: Whether `save` may hold files of other origin.

        Raises:
            OutputError: The same evaluation is running in another process, or `save` holds files that do not
                come from this evaluation.
        """
        self._folder = cache_folder() / "evaluations" / text_sha256(key)[:16]
        self._taken: set[str] = set()
        self._lock = _locked(self._folder.with_suffix(".lock"))
        self._journal = Journal(self._folder / "scores.jsonl")
        self.pictures = save or (self._folder / "pictures" if for_report else None)
        if save and not overwrite and not len(self._journal) and save.is_dir() and any(save.iterdir()):
            self.release()
            raise OutputError(f"'{save}' is not empty: choose a new folder or add --overwrite.")

    def folder_for(self, name: str, *, alone: bool) -> Path | None:
        """Creates the folder for the pictures of one model, which no other model shares.

        Args:
            name: Name of the model.
            alone: Whether it is the only model, whose pictures need no folder of their own.

        Returns:
            The folder, None if the pictures are not needed.

        Raises:
            OutputError: The folder cannot be created.
        """
        if self.pictures is None:
            return None
        folder = self.pictures if alone else self.pictures / self._free_name(name)
        make_folder(folder)
        return folder

    def _free_name(self, name: str) -> str:
        """Returns a name for a folder below `pictures` that no model has yet, in any case of its letters."""
        safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
        if safe.startswith("."):  # such as .., the folder above
            safe = f"_{safe}"
        while safe.casefold() in self._taken:
            safe += "_"
        self._taken.add(safe.casefold())
        return safe

    def recorded(self, key: str) -> Any | None:
        """Returns a record of this or an earlier run.

        Args:
            key: Key of the record.

        Returns:
            The JSON value, None if there is no record.
        """
        return self._journal.get(key)

    def record(self, key: str, value: Any) -> None:
        """Records a value. The evaluation continues if the record cannot be written.

        Args:
            key: Key of the record.
            value: A JSON value.
        """
        with suppress(OutputError):  # a record only saves time after a restart
            self._journal.record(key, value)

    def close(self) -> None:
        """Removes the data for a restart and lets other processes use the workspace."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Lets other processes use the workspace. The data for a restart stays."""
        if self._lock is not None:
            self._lock.release()


def _locked(path: Path) -> FileLock | None:
    """Locks a file for this process. Returns None if the cache cannot be written, so that nothing is shared.

    Raises OutputError if another process holds the lock.
    """
    lock = FileLock(path)
    try:
        make_folder(path.parent)
        lock.acquire(timeout=0)
    except Timeout:
        raise OutputError(
            "The same evaluation is running in another process: wait for it, or evaluate with other settings."
        ) from None
    except (OSError, OutputError):
        return None
    return lock
