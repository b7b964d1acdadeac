"""A journal of finished work. It stays readable when the process is killed at any moment."""

from __future__ import annotations

import json
import os
from pathlib import Path
from threading import Lock
from typing import Any

from deraincli.errors import OutputError
from deraincli.files.folders import make_folder


class Journal:
    """A file of JSON values, one a line, to which lines are only ever appended.

    Each value has a key that identifies everything the value depends on. The last value of a key counts. A
    line that was cut off by a kill is ignored. Several threads may record at the same time.
    """

    def __init__(self, path: Path) -> None:
        """Opens the journal at `path`. The first record creates the folders and the file.

        Args:
            path: The journal's file. It need not exist.

        Raises:
            OutputError: The file exists and cannot be read.
        """
        self._path = path
        self._lock = Lock()
        try:
            self._records = dict(_read_records(path))
        except OSError as error:
            raise OutputError(f"The record '{path}' cannot be read: {error.strerror or error}.") from error

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: str) -> Any | None:
        """Returns the last value that this or an earlier run recorded under a key, or None.

        Args:
            key: The key.
        """
        return self._records.get(key)

    def record(self, key: str, value: Any) -> None:
        """Appends a value under a key. The value is on the disk when this returns.

        Args:
            key: The key.
            value: A JSON value.

        Raises:
            OutputError: The value cannot be written. The journal's values are then unchanged.
        """
        with self._lock:
            make_folder(self._path.parent)
            try:
                with self._path.open("a", encoding="utf-8") as file:
                    # The leading newline ends a line that a kill of an earlier run cut off.
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
