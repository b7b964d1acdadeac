"""One job from file to file. Several threads share a worker, and the worker's devices."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock

from deraincli.batch.outcome import Outcome, RestoreSettings
from deraincli.callbacks import OnWarning
from deraincli.errors import DerainError, ExistsError, InputError, OutputError
from deraincli.files.atomic import check_destination, write_atomically
from deraincli.files.folders import make_folder
from deraincli.files.manifest import Job, Manifest, stamp
from deraincli.imaging.decode import content_format
from deraincli.imaging.formats import format_of
from deraincli.imaging.image import Pixels
from deraincli.inference.tiled import Restored
from deraincli.restoration.change import measure_change
from deraincli.restoration.derainer import Derainer
from deraincli.restoration.restore_file import SaveOptions, encode_restored, read_for

OnStart = Callable[[Job], None]
"""Called when a picture's turn on a device comes, from any thread."""


class StoppedError(Exception):
    """The run was asked to stop while this picture was in work."""


class DeviceSlot:
    """A loaded model, and the one thread in which it runs.

    A device restores one picture at a time, and OpenMP would keep a set of threads for every caller.
    """

    def __init__(self, derainer: Derainer) -> None:
        self.derainer = derainer
        self._thread = ThreadPoolExecutor(max_workers=1)

    def restore(self, pixels: Pixels, stop: Event, on_warning: OnWarning) -> Restored:
        """Restores a picture. Raises StoppedError after the next tile once `stop` is set."""

        def check(done: int, total: int) -> None:
            if stop.is_set():
                raise StoppedError

        restore = self.derainer.restore
        return self._thread.submit(restore, pixels, on_progress=check, on_warning=on_warning).result()


class Worker:
    """Restores jobs, on whichever of its models is idle."""

    def __init__(
        self, settings: RestoreSettings, derainers: Iterable[Derainer], on_start: OnStart | None = None
    ) -> None:
        self.stop = Event()
        """Once set, pictures in work raise StoppedError."""
        self._settings = settings
        self._on_start = on_start
        self._idle: SimpleQueue[DeviceSlot] = SimpleQueue()
        for derainer in derainers:
            self._idle.put(DeviceSlot(derainer))
        self._manifests: dict[Path, Manifest] = {}
        self._lock = Lock()

    def __call__(self, job: Job) -> Outcome:
        """Restores one picture. What is wrong with it is in the outcome; raises StoppedError, and bugs."""
        try:
            return self._restore(job)
        except ExistsError:
            return self._met(job)
        except DerainError as error:
            unreadable = isinstance(error, InputError)
            fatal = _storage_gave_up(error)
            return Outcome(job, "failed", str(error), fatal=fatal, unreadable=unreadable)

    def _met(self, job: Job) -> Outcome:
        """Of a job whose result is there already, which another run may have written in the meantime."""
        manifest = Manifest(job.root)  # with what other runs wrote since
        facts = manifest.facts(job, self._settings.identity)
        if facts is not None:
            return Outcome.skipped(job, facts)
        return Outcome(job, "failed", manifest.objection(job))

    def _restore(self, job: Job) -> Outcome:
        began = time.perf_counter()
        settings = self._settings
        source = stamp(job.source)
        content_format(job.source)  # what is wrong with the picture comes before what is wrong with its name
        save = SaveOptions(settings.format or format_of(job.source), settings.quality, settings.keep_metadata)
        notes: list[str] = []
        image = read_for(save, job.source, max_pixels=settings.max_pixels, on_note=notes.append)
        manifest = self._manifest(job.root)
        overwrite = settings.overwrite or manifest.may_replace(job)
        make_folder(job.destination.parent)
        check_destination(job.destination, overwrite=overwrite)

        asked = time.perf_counter()
        with self._lane() as lane:
            turn = time.perf_counter()
            if self._on_start:
                self._on_start(job)
            result = lane.restore(image.pixels, self.stop, notes.append)
            network_seconds = time.perf_counter() - turn
        data = encode_restored(image, result, save)
        height, width = image.pixels.shape[:2]
        outcome = Outcome(
            job,
            "done",
            notes=(*lane.derainer.notes, *notes),
            width=width,
            height=height,
            network_seconds=network_seconds,
            model=result.model,
            change=measure_change(image.pixels, result.image),
            device=lane.derainer.device,
            precision=lane.derainer.precision,
            tile=str(result.tile),
        )
        check_destination(job.destination, overwrite=overwrite)  # before another run's entry is superseded
        manifest.record(job, source, settings.identity, data, outcome.facts())
        write_atomically(job.destination, data, overwrite=overwrite)
        return replace(outcome, seconds=time.perf_counter() - began - (turn - asked))

    @contextmanager
    def _lane(self) -> Iterator[DeviceSlot]:
        lane = self._idle.get()
        try:
            if self.stop.is_set():
                raise StoppedError
            yield lane
        finally:
            self._idle.put(lane)

    def _manifest(self, root: Path) -> Manifest:
        with self._lock:
            if root not in self._manifests:
                self._manifests[root] = Manifest(root)
            return self._manifests[root]


def _storage_gave_up(error: DerainError) -> bool:
    """Whether the disk is full or read-only by now, so that the next picture could not be written either."""
    cause = error.__cause__
    return (
        isinstance(error, OutputError)
        and isinstance(cause, OSError)
        and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    )
