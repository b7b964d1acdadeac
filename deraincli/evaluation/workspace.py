"""What an unfinished evaluation keeps on disk, so that a restart goes on where the last run stopped."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from deraincli.errors import OutputError


class Workspace:
    """A folder in the cache that belongs to one evaluation and goes when that is finished.

    journal: the scores so far.
    pictures: where restored pictures go; None if nobody wants them.
    """

    def __init__(self, key: str, *, save: Path | None, for_report: bool, overwrite: bool) -> None:
        """Open the workspace of the evaluation that `key` stands for, which may have been begun before.

        save: where the user wants the restored pictures. Raises OutputError if anything is there already that
            does not come from this evaluation, unless `overwrite`.
        for_report: whether a report will need the pictures.
        """
        self._folder = cache_folder() / "evaluations" / hashlib.sha256(key.encode()).hexdigest()[:16]
        self.journal = Journal(self._folder / "scores.jsonl")
        self.pictures = save or (self._folder / "pictures" if for_report else None)
        if save and not overwrite and not len(self.journal) and save.is_dir() and any(save.iterdir()):
            raise OutputError(f"'{save}' is not empty: choose a new folder or add --overwrite.")

    def folder_for(self, name: str, *, alone: bool) -> Path | None:
        """Create and return the folder of one model's pictures; with `alone` it needs none of its own."""
        if self.pictures is None:
            return None
        safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
        folder = self.pictures if alone else self.pictures / safe
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"The folder '{folder}' cannot be made: {error.strerror or error}.") from error
        return folder

    def close(self) -> None:
        """Everything is finished: remove what was kept only for a restart."""
        shutil.rmtree(self._folder, ignore_errors=True)


class Journal:
    """A growing file of one JSON object a line, each under a key that stands for everything it depends on.

    It survives a kill at any moment: a line that was cut off is ignored. Threads may record at once.
    """

    def __init__(self, path: Path) -> None:
        """Take up the journal at `path`; folders and file come into being with the first record."""
        self._path = path
        self._lock = Lock()
        self._records = dict(_read_records(path))

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: str) -> Any | None:
        """What this or an earlier run recorded under the key, None if nothing."""
        return self._records.get(key)

    def record(self, key: str, value: Any) -> None:
        """Keep a JSON value under the key, on the disk before this returns.

        A journal only saves time: where its folder cannot be written, there is none.
        """
        with self._lock, suppress(OSError):
            self._records[key] = value
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                # The leading newline ends a line that an earlier run left cut off.
                file.write("\n" + json.dumps({"key": key, "value": value}) + "\n")
                file.flush()
                os.fsync(file.fileno())


def cache_folder() -> Path:
    """`deraincli/` in XDG_CACHE_HOME, by default `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deraincli"


def _read_records(path: Path) -> list[tuple[str, Any]]:
    if not path.is_file():
        return []
    records = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
            records.append((record["key"], record["value"]))
        except (ValueError, KeyError, TypeError):
            continue  # empty or cut off
    return records
