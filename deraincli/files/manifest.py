"""What was restored with which model and settings, kept beside the results, so that a restart skips it.

An entry is on the disk before the result gets its name. So a result without an entry is not ours, and one
whose entry does not match was changed or belongs to an earlier entry.
"""

from __future__ import annotations

import hashlib
import platform
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deraincli.files.journal import Journal

Entry = dict[str, Any]
"""`source`: name, size and time of change in ns · `settings`: their identity · `size` and `sha256` of the
result · `written`: when, in ns · `facts`: what else the writer wants to know later; earlier versions did not
record it."""

Stamp = tuple[int, int]
"""Size in bytes, and time of last change in ns."""


class Manifest:
    """What was written below one folder, by this run and earlier ones.

    Every machine writes a journal of its own, because several may work on one folder; all are read.
    """

    FOLDER = ".derain-batch"

    def __init__(self, root: Path) -> None:
        self.root = root
        folder = root / self.FOLDER
        own = folder / f"{platform.node() or 'local'}.jsonl"
        self._journal = Journal(own)
        self._others = [Journal(path) for path in sorted(folder.glob("*.jsonl")) if path != own]

    def is_done(self, job: Job, settings: str) -> bool:
        """Whether the result is there, made from the source as it is now, with these settings."""
        return self.facts(job, settings) is not None

    def facts(self, job: Job, settings: str) -> dict[str, Any] | None:
        """Returns the facts that were recorded with a result that is done, or None if it is not done."""
        made = (job.name, *(stamp(job.source) or ()))
        for entry in self._entries(job.result):
            same = tuple(entry["source"]) == made and entry["settings"] == settings
            if same and _describes(entry, job.destination):
                return dict(entry.get("facts", {}))
        return None

    def may_replace(self, job: Job) -> bool:
        """Whether what is there is an earlier result of the same source that nobody has touched since."""
        return any(
            entry["source"][0] == job.name and _describes(entry, job.destination, exactly=True)
            for entry in self._entries(job.result)
        )

    def objection(self, job: Job) -> str:
        """Why what is there is not replaced unasked, as a sentence that says what to do."""
        there, entries = f"'{job.destination}'", self._entries(job.result)
        for entry in entries:
            if _describes(entry, job.destination, exactly=True):
                return (
                    f"{there} is the result of '{entry['source'][0]}': choose another folder with -o, a "
                    "--suffix, or --overwrite."
                )
        if entries:
            return f"{there} was changed since it was written: move it away, or replace it with --overwrite."
        return (
            f"{there} exists, and the record in '{self.root / self.FOLDER}' does not know it: move it away, "
            "choose another folder with -o, or replace it with --overwrite."
        )

    def wrote(self, path: Path) -> bool:
        """Whether a file below the root is a result."""
        entries = self._entries(path.relative_to(self.root).as_posix())
        return any(_describes(entry, path) for entry in entries)

    def record(
        self,
        job: Job,
        source: Stamp | None,
        settings: str,
        data: bytes,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Announces a result that is about to be written, made from the source as `stamp` saw it; threads may
        call it at once.

        The entry of what it replaces stays until the next time, in case it comes to nothing.

        Args:
            job: The picture and where its result goes.
            source: The source's stamp.
            settings: Their identity.
            data: The content of the result.
            facts: A JSON object that `facts` returns later.
        """
        entry: Entry = {
            "source": (job.name, *(source or ())),
            "settings": settings,
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "written": time.time_ns(),
            "facts": dict(facts or {}),
        }
        replaced = [old for old in self._entries(job.result) if _describes(old, job.destination)]
        self._journal.record(job.result, [entry, *replaced[:1]])

    def _entries(self, result: str) -> list[Entry]:
        records = (journal.get(result) for journal in (self._journal, *self._others))
        lists = (record for record in records if isinstance(record, list))
        return [entry for entries in lists for entry in entries if _is_entry(entry)]


def stamp(path: Path) -> Stamp | None:
    """What changes when a file does; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _is_entry(value: object) -> bool:
    """Whether a value of a journal, which may be damaged, is an entry."""
    if not isinstance(value, dict) or not isinstance(value.get("source"), list | tuple):
        return False
    kinds = {"settings": str, "size": int, "sha256": str, "written": int}
    return isinstance(next(iter(value["source"]), None), str) and all(
        isinstance(value.get(name), kind) for name, kind in kinds.items()
    )


def _describes(entry: Entry, path: Path, *, exactly: bool = False) -> bool:
    """Whether the file at `path` is the result that the entry announced.

    Compares size and age. Compares the content if it must be certain, or if clocks differ.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size != entry["size"]:
            return False
        if status.st_mtime_ns >= entry["written"] and not exactly:
            return True
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == entry["sha256"]
    except OSError:
        return False


@dataclass(frozen=True)
class Job:
    """One picture and where its result goes."""

    source: Path
    name: str
    """The source below the folder that was given, with / between the parts: wherever that folder lies, this
    stays, so shards and manifest go by it."""
    root: Path
    """The folder of the results."""
    result: str
    """The result below `root`, likewise."""

    @property
    def destination(self) -> Path:
        """The result's path."""
        return self.root / self.result
