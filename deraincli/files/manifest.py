"""A record beside the results of which picture was restored with which settings. A restart skips these.

The entry of a result is on the disk before the result gets its name. So a file without an entry is not a
result, and a result that does not match its newest entry was changed or belongs to an earlier entry.
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

Stamp = tuple[int, int]
"""Size of a file in bytes, and its time of last change in ns since 1970."""


@dataclass(frozen=True)
class Entry:
    """What a journal records of one result."""

    name: str
    """Name of the picture."""
    source: tuple[int, ...]
    """The stamp of the picture, empty if it is not known."""
    settings: str
    """The identity of the settings."""
    size: int
    """Size of the result in bytes."""
    sha256: str
    """SHA-256 of the result."""
    written: int
    """Time of the entry in ns since 1970."""
    facts: dict[str, Any]
    """A JSON object for later runs, which earlier versions did not record."""

    @classmethod
    def parse(cls, value: object) -> Entry | None:
        """Reads an entry.

        Args:
            value: A JSON value of a journal, which may be damaged.

        Returns:
            The entry, or None if the value describes none.
        """
        match value:
            case {
                "source": [str(name), *source],
                "settings": str(settings),
                "size": int(size),
                "sha256": str(sha256),
                "written": int(written),
                **others,
            }:
                facts = others.get("facts")
                known = facts if isinstance(facts, dict) else {}
                return cls(name, tuple(source), settings, size, sha256, written, known)
        return None

    def record(self) -> dict[str, Any]:
        """Returns the entry as a JSON object."""
        others = {key: value for key, value in vars(self).items() if key not in ("name", "source")}
        return {"source": [self.name, *self.source], **others}

    def describes(self, path: Path, *, exactly: bool = False) -> bool:
        """Returns whether the file at `path` is the result of this entry.

        Compares the size and the time of change. Compares the content, too, if `exactly` is set or the file
        seems older than its entry, as it does when the clocks of machines differ.
        """
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode) or status.st_size != self.size:
                return False
            if status.st_mtime_ns >= self.written and not exactly:
                return True
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


class Manifest:
    """The results below a folder that this run and earlier ones wrote.

    Several machines may work on one folder. Each writes its own journal and reads all of them.
    """

    FOLDER = ".derain-batch"
    """Name of the folder of the journals."""

    def __init__(self, root: Path) -> None:
        """Reads the journals of all machines.

        Args:
            root: The folder of the results. It need not exist.
        """
        self.root = root
        folder = root / self.FOLDER
        own = folder / f"{platform.node() or 'local'}.jsonl"
        self._journal = Journal(own)
        self._others = [Journal(path) for path in sorted(folder.glob("*.jsonl")) if path != own]

    def is_done(self, job: Job, settings: str) -> bool:
        """Returns whether the result exists and was made from the current source with these settings.

        Args:
            job: The picture and the path of its result.
            settings: The identity of the settings.
        """
        return self.facts(job, settings) is not None

    def facts(self, job: Job, settings: str) -> dict[str, Any] | None:
        """Returns the facts that were recorded with a result, or None if `is_done` is false.

        Args:
            job: The picture and the path of its result.
            settings: The identity of the settings.
        """
        made = job.name, stamp(job.source) or (), settings
        for entry in self._entries(job.result):
            if (entry.name, entry.source, entry.settings) == made and entry.describes(job.destination):
                return entry.facts
        return None

    def may_replace(self, job: Job) -> bool:
        """Returns whether the existing file is an unchanged earlier result of the same source.

        Args:
            job: The picture and the path of its result.
        """
        return any(
            entry.name == job.name and entry.describes(job.destination, exactly=True)
            for entry in self._entries(job.result)
        )

    def objection(self, job: Job) -> str:
        """Returns one sentence for the user: why the existing file is not replaced, and what to do.

        Args:
            job: The picture and the path of its result.
        """
        there, entries = f"'{job.destination}'", self._entries(job.result)
        for entry in entries:
            if entry.describes(job.destination, exactly=True):
                return (
                    f"{there} is the result of '{entry.name}': choose another folder with -o, a "
                    "--suffix, or --overwrite."
                )
        if entries:
            return f"{there} was changed since it was written: move it away, or replace it with --overwrite."
        return (
            f"{there} exists, and the record in '{self.root / self.FOLDER}' does not know it: move it away, "
            "choose another folder with -o, or replace it with --overwrite."
        )

    def wrote(self, path: Path) -> bool:
        """Returns whether a file is a result.

        Args:
            path: A file below the root.
        """
        entries = self._entries(path.relative_to(self.root).as_posix())
        return any(entry.describes(path) for entry in entries)

    def record(
        self,
        job: Job,
        source: Stamp | None,
        settings: str,
        data: bytes,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Records a result before it is written. Threads may call this at the same time.

        The entry of a result that will be replaced is kept until the next record, because the new result may
        never be written.

        Args:
            job: The picture and the path of its result.
            source: The stamp of the source when it was read.
            settings: The identity of the settings.
            data: The content of the result.
            facts: A JSON object that `facts` returns later.

        Raises:
            OutputError: The entry cannot be written.
        """
        entry = Entry(
            name=job.name,
            source=source or (),
            settings=settings,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            written=time.time_ns(),
            facts=dict(facts or {}),
        )
        replaced = [old for old in self._entries(job.result) if old.describes(job.destination)]
        self._journal.record(job.result, [each.record() for each in (entry, *replaced[:1])])

    def _entries(self, result: str) -> list[Entry]:
        records = (journal.get(result) for journal in (self._journal, *self._others))
        lists = (record for record in records if isinstance(record, list))
        return [entry for entries in lists for value in entries if (entry := Entry.parse(value))]


def stamp(path: Path) -> Stamp | None:
    """Returns the stamp of a file, which changes when the file does, or None if there is no file.

    Args:
        path: The file.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


@dataclass(frozen=True)
class Job:
    """One picture and the path of its result."""

    source: Path
    """The picture."""
    name: str
    """Path of the picture relative to the given folder, with / between the parts.

    It stays the same when the folder is moved, so shards and manifests depend on it alone.
    """
    root: Path
    """The folder of the results."""
    result: str
    """Path of the result relative to `root`, with / between the parts."""

    @property
    def destination(self) -> Path:
        """Path of the result."""
        return self.root / self.result
