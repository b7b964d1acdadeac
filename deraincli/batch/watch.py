"""Pictures that are dropped into a folder are restored once they have stopped growing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from deraincli.batch.jobs import Job, collisions
from deraincli.batch.manifest import Stamp, stamp
from deraincli.batch.outcome import Outcome, Settings
from deraincli.batch.run import Engine, run_batch

QUIET_SECONDS = 1.0
"""A file that neither grew nor changed for so long is complete. One that was only held up fails, and is tried
again when it goes on growing."""


def watch(
    scan: Callable[[], Sequence[Job]], folders: Sequence[Path], settings: Settings, engine: Engine
) -> Iterator[Outcome]:
    """The outcomes of what is in the folders and of what comes, without end.

    `scan` finds the jobs of the moment. One whose result another claims fails.
    """
    handled: dict[Path, Stamp | None] = {}
    seen: dict[Path, Stamp | None] = {}
    with _changes(folders) as changed:
        while True:
            changed.clear()
            jobs = scan()
            now = {job.source: stamp(job.source) for job in jobs}
            fresh = [job for job in jobs if handled.get(job.source) != now[job.source]]
            settled = [job for job in fresh if seen.get(job.source) == now[job.source]]
            seen = {job.source: now[job.source] for job in fresh}
            if settled:
                handled |= {job.source: now[job.source] for job in settled}
                clashes = collisions(jobs)
                yield from (Outcome(job, "failed", clashes[job]) for job in settled if job in clashes)
                yield from run_batch([job for job in settled if job not in clashes], settings, engine)
            elif fresh:
                time.sleep(QUIET_SECONDS)
            else:
                changed.wait()


class _Alarm(FileSystemEventHandler):
    """Sets an event when something is written; reading, as the program does itself, is no change."""

    def __init__(self, changed: Event) -> None:
        self._changed = changed

    def on_created(self, event: FileSystemEvent) -> None:
        self._changed.set()

    on_modified = on_moved = on_closed = on_created


@contextmanager
def _changes(folders: Sequence[Path]) -> Iterator[Event]:
    changed = Event()
    observer = Observer()
    for folder in folders:
        observer.schedule(_Alarm(changed), str(folder), recursive=True)
    observer.start()
    try:
        yield changed
    finally:
        observer.stop()
        observer.join()
