"""Restores the pictures that arrive in a folder, once their files are complete."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from deraincli.batch.jobs import collisions
from deraincli.batch.outcome import Outcome, RestoreSettings
from deraincli.batch.run import Engine, run_batch
from deraincli.errors import InputError
from deraincli.files.manifest import Job, Stamp, stamp

QUIET_SECONDS = 1.0
"""Seconds without a change after which a file is read."""
GRACE_SECONDS = 10.0
"""Seconds since its last change during which an unreadable file may still be incomplete.

During this time it is tried again instead of failing. Afterwards it fails and is tried again when it changes.
"""
CALM_SECONDS = 3.0
"""Seconds without a change after which `on_calm` is called."""


def watch(
    scan: Callable[[], Sequence[Job]],
    folders: Sequence[Path],
    settings: RestoreSettings,
    engine: Engine,
    on_calm: Callable[[], None],
) -> Iterator[Outcome]:
    """Restores the pictures in folders and those that arrive later. Never ends on its own.

    A job that would overwrite the result or the picture of another job fails.

    Args:
        scan: Finds the current jobs.
        folders: The folders to watch, with their sub-folders.
        settings: How pictures are restored and saved.
        engine: Restores the pictures.
        on_calm: Called once after new outcomes, when nothing has changed for CALM_SECONDS.

    Yields:
        The outcomes. A picture that changes gets a new outcome each time.

    Raises:
        InputError: A folder cannot be watched, or is gone.
        OutputError: A folder of results cannot be created or is not writable.
    """
    news = False
    handled: dict[Path, Stamp | None] = {}
    seen: dict[Path, Stamp | None] = {}
    with _changes(folders) as changed:
        while True:
            changed.clear()
            jobs = scan()
            now = {job.source: stamp(job.source) for job in jobs}
            fresh = [job for job in jobs if handled.get(job.source) != now[job.source]]
            complete = [job for job in fresh if seen.get(job.source) == now[job.source]]
            seen = {job.source: now[job.source] for job in fresh}
            if complete:
                handled |= {job.source: now[job.source] for job in complete}
                clashes = collisions(jobs)
                yield from (Outcome(job, "failed", clashes[job]) for job in complete if job in clashes)
                for outcome in run_batch([job for job in complete if job not in clashes], settings, engine):
                    if _may_be_on_its_way(outcome):
                        handled.pop(outcome.job.source, None)
                        seen.pop(outcome.job.source, None)
                    else:
                        yield outcome
                news = True
            elif fresh:
                time.sleep(QUIET_SECONDS)
            elif not changed.wait(CALM_SECONDS if news else None):
                on_calm()
                news = False


def _may_be_on_its_way(outcome: Outcome) -> bool:
    if not outcome.unreadable:
        return False
    last = stamp(outcome.job.source)
    return last is not None and abs(time.time() - last[1] / 1e9) < GRACE_SECONDS


class _Alarm(FileSystemEventHandler):
    """Sets an event when a file is written or removed. Reading does not count: the program itself reads."""

    def __init__(self, changed: Event) -> None:
        self._changed = changed

    def on_created(self, event: FileSystemEvent) -> None:
        self._changed.set()

    on_modified = on_moved = on_closed = on_deleted = on_created


@contextmanager
def _changes(folders: Sequence[Path]) -> Iterator[Event]:
    changed = Event()
    observer = Observer()
    try:
        for folder in folders:
            observer.schedule(_Alarm(changed), str(folder), recursive=True)
        observer.start()
    except OSError as error:  # a folder that is gone, or a limit of the system on watched folders
        raise InputError(f"The folders cannot be watched: {error.strerror or error}.") from error
    try:
        yield changed
    finally:
        observer.stop()
        observer.join()
