"""A record of finished work that survives a kill at any moment."""

from __future__ import annotations

import json
import os
from pathlib import Path
from threading import Lock
from typing import Any

from deraincli.errors import OutputError
from deraincli.files.folders import make_folder


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
        """Writes a JSON value under the key. It is on the disk when this returns.

        Raises OutputError if it cannot be written. The journal then holds what it held before.
        """
        with self._lock:
            make_folder(self._path.parent)
            try:
                with self._path.open("a", encoding="utf-8") as file:
                    # The leading newline ends a line that an earlier run left cut off.
                    file.write("\n" + json.dumps({"key": key, "value": value}) + "\n")
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise OutputError(
                    f"The record '{self._path}' cannot be written: {error.strerror or error}."
                ) from error
            self._records[key] = value


def _read_records(path: Path) -> list[tuple[str, Any]]:
    if not path.is_file():
        return []
    records = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
            key, value = record["key"], record["value"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # empty, cut off or damaged
        if isinstance(key, str):
            records.append((key, value))
    return records
