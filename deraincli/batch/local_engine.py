"""The engine on this machine. Threads decode and encode pictures while the devices restore others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace

from deraincli.batch.outcome import Outcome, RestoreSettings
from deraincli.batch.worker import OnStart, Worker
from deraincli.files.manifest import Job
from deraincli.restoration.load import open_model


class LocalEngine:
    """Runs jobs on this machine's devices. The first call loads the models."""

    def __init__(
        self,
        settings: RestoreSettings,
        devices: Sequence[str],
        pictures: int | None,
        on_start: OnStart | None = None,
    ) -> None:
        """Stores the settings. Loads nothing.

        Args:
            settings: How pictures are restored and saved.
            devices: Devices, each of which gets a model.
            pictures: Largest number of pictures in memory. None stands for three a device and one more. Of
                the three, one is decoded, one restored and one encoded. The other keeps the devices busy
                when a step is slow.
            on_start: Called when a device is about to restore a picture.
        """
        self._settings = settings
        self._devices = devices
        self._pictures = pictures or 3 * len(devices) + 1
        self._on_start = on_start
        self._worker: Worker | None = None

    def __call__(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Restores the pictures of the jobs.

        Args:
            jobs: The jobs.

        Returns:
            The outcomes in the order in which they are ready.

        Raises:
            ModelError: A model cannot be loaded.
            DeviceError: A device is not available.
        """
        if self._worker is None:
            settings = self._settings
            derainers = [
                open_model(replace(settings.load, device=device), settings.model) for device in self._devices
            ]
            self._worker = Worker(settings, derainers, self._on_start)
        return run(jobs, self._worker, self._pictures)


def run(jobs: Iterable[Job], worker: Worker, pictures: int) -> Iterator[Outcome]:
    """Restores the pictures of the jobs in threads.

    If an exception is raised or the reader stops early, each unfinished picture stops after its next tile.

    Args:
        jobs: The jobs.
        worker: Restores each picture.
        pictures: Largest number of pictures in memory.

    Yields:
        The outcomes in the order in which they are ready.
    """
    waiting: set[Future[Outcome]] = set()
    with ThreadPoolExecutor(pictures) as pool:
        try:
            for job in jobs:
                waiting.add(pool.submit(worker, job))
                if len(waiting) >= pictures:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        except BaseException:  # includes KeyboardInterrupt and GeneratorExit
            worker.stop.set()
            raise
