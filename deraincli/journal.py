"""Scores of an unfinished evaluation on disk, so that a restart goes on where the last run stopped."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any


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
        """What an earlier run recorded under the key, None if nothing."""
        return self._records.get(key)

    def record(self, key: str, value: Any) -> None:
        """Keep a JSON value under the key, at once.

        A journal only saves time: where its folder cannot be written, there is none.
        """
        with self._lock, suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                # The leading newline ends a line that an earlier run left cut off.
                file.write("\n" + json.dumps({"key": key, "value": value}) + "\n")

    def discard(self) -> None:
        """Remove the file: everything is finished."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def cache_folder() -> Path:
    """Where unfinished evaluations are kept: `deraincli/` in XDG_CACHE_HOME, by default `~/.cache`."""
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
