"""Runs one job from file to file. Several threads share a worker and its devices."""

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

from deraincli.batch.masks import control_of
from deraincli.batch.outcome import Outcome, RestoreSettings
from deraincli.callbacks import OnWarning, StoppedError, stop_when
from deraincli.errors import DerainError, ExistsError, InputError, OutputError
from deraincli.files.atomic import check_destination, write_atomically
from deraincli.files.folders import make_folder
from deraincli.files.manifest import Job, Manifest, stamp
from deraincli.geometry import Size
from deraincli.imaging.decode import content_format
from deraincli.imaging.formats import format_of
from deraincli.inference.change import measure_change
from deraincli.inference.tiled import Restored
from deraincli.pixels import Pixels
from deraincli.restoration.derainer import Derainer
from deraincli.restoration.restore_file import SaveOptions, encode_restored, read_for

OnStart = Callable[[Job], None]
"""Called from any thread when a device is about to restore a picture."""


class DeviceSlot:
    """A loaded model and the thread in which it runs.

    A device restores one picture at a time. One thread is enough, and OpenMP would keep a set of threads for
    every thread that calls the model.
    """

    def __init__(self, derainer: Derainer) -> None:
        """Prepares the thread.

        Args:
            derainer: The loaded model.
        """
        self.derainer = derainer
        self._thread = ThreadPoolExecutor(max_workers=1)

    def restore(self, pixels: Pixels, stop: Event, on_warning: OnWarning) -> Restored:
        """Restores a picture in the thread of the slot.

        Args:
            pixels: The picture, as `Derainer.restore` takes it.
            stop: The event that stops the restoration after its next tile.
            on_warning: Receives sentences for the user.

        Returns:
            The restored picture.

        Raises:
            StoppedError: `stop` is set.
            DerainError: As `Derainer.restore` raises it.
        """
        restore = self.derainer.restore
        progress = stop_when(stop)
        return self._thread.submit(restore, pixels, on_progress=progress, on_warning=on_warning).result()


class Worker:
    """Restores pictures, each with the next idle model."""

    def __init__(
        self, settings: RestoreSettings, derainers: Iterable[Derainer], on_start: OnStart | None = None
    ) -> None:
        """Prepares a slot for each model.

        Args:
            settings: How pictures are restored and saved.
            derainers: The loaded models, one for each device.
            on_start: Called when a device is about to restore a picture.
        """
        self.stop = Event()
        """Set it to make unfinished pictures raise StoppedError."""
        self._settings = settings
        self._on_start = on_start
        self._idle: SimpleQueue[DeviceSlot] = SimpleQueue()
        for derainer in derainers:
            self._idle.put(DeviceSlot(derainer))
        self._manifests: dict[Path, Manifest] = {}
        self._lock = Lock()

    def __call__(self, job: Job) -> Outcome:
        """Restores one picture and writes its result.

        Args:
            job: The picture and the path of its result.

        Returns:
            The outcome. It holds the error if the picture cannot be restored.

        Raises:
            StoppedError: `stop` is set.
        """
        try:
            return self._restore(job)
        except ExistsError:
            return self._met(job)
        except MemoryError:
            remedy = "restore it by itself, with fewer --jobs, or where there is more memory"
            return Outcome(job, "failed", f"The memory does not suffice for '{job.source}': {remedy}.")
        except DerainError as error:
            unreadable = isinstance(error, InputError)
            fatal = _storage_gave_up(error)
            return Outcome(job, "failed", str(error), fatal=fatal, unreadable=unreadable)

    def _met(self, job: Job) -> Outcome:
        """Returns the outcome of a job whose result already exists. Another run may have written it."""
        manifest = Manifest(job.root)  # read again, because other runs may have added entries
        facts = manifest.facts(job, self._settings.identity(job))
        if facts is not None:
            return Outcome.skipped(job, facts)
        return Outcome(job, "failed", manifest.objection(job))

    def _restore(self, job: Job) -> Outcome:
        began = time.perf_counter()
        settings = self._settings
        source, identity = stamp(job.source), settings.identity(job)
        content_format(job.source)  # raises for a bad picture before its name can raise another error
        format = settings.format or format_of(job.destination)
        save = SaveOptions(format, settings.quality, settings.keep_metadata)
        notes: list[str] = []
        image = read_for(save, job.source, max_pixels=settings.max_pixels, on_note=notes.append)
        given = control_of(job, settings.control)
        control = given.load(max_pixels=settings.max_pixels)
        control.check(Size(*image.pixels.shape[:2]))
        manifest = self._manifest(job.root)
        overwrite = settings.overwrite or manifest.may_replace(job)
        make_folder(job.destination.parent)
        check_destination(job.destination, overwrite=overwrite)

        asked = time.perf_counter()
        with self._idle_slot() as slot:
            turn = time.perf_counter()
            if self._on_start:
                self._on_start(job)
            result = slot.restore(image.pixels, self.stop, notes.append)
        result = result._replace(image=control.apply(image.pixels, result.image))
        data = encode_restored(image, result, save)
        height, width = image.pixels.shape[:2]
        outcome = Outcome(
            job,
            "done",
            notes=tuple(notes),
            settings_notes=slot.derainer.notes,
            width=width,
            height=height,
            model=result.model,
            change=measure_change(image.pixels, result.image),
            rain=result.rain,
            device=slot.derainer.device,
            precision=slot.derainer.precision,
            tile=str(result.tile),
            sides=result.sides,
            control=given,
            ensemble=settings.load.ensemble,
        )
        # Check again, so that the new entry does not supersede that of another run's result.
        check_destination(job.destination, overwrite=overwrite)
        manifest.record(job, source, identity, data, outcome.facts())
        write_atomically(job.destination, data, overwrite=overwrite)
        return replace(outcome, seconds=time.perf_counter() - began - (turn - asked))

    @contextmanager
    def _idle_slot(self) -> Iterator[DeviceSlot]:
        slot = self._idle.get()
        try:
            if self.stop.is_set():
                raise StoppedError
            yield slot
        finally:
            self._idle.put(slot)

    def _manifest(self, root: Path) -> Manifest:
        with self._lock:
            if root not in self._manifests:
                self._manifests[root] = Manifest(root)
            return self._manifests[root]


def _storage_gave_up(error: DerainError) -> bool:
    """Returns whether the disk is full or read-only, so that no other picture could be written either."""
    cause = error.__cause__
    return (
        isinstance(error, OutputError)
        and isinstance(cause, OSError)
        and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    )
