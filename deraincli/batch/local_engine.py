"""The engine on this machine: threads decode and encode pictures while the devices restore others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace

from deraincli.batch.outcome import Outcome, RestoreSettings
from deraincli.batch.worker import OnStart, Worker
from deraincli.files.manifest import Job
from deraincli.restoration.load import open_model


class LocalEngine:
    """Runs jobs on this machine's devices; models are loaded when the first job comes."""

    def __init__(
        self,
        settings: RestoreSettings,
        devices: Sequence[str],
        pictures: int | None,
        on_start: OnStart | None = None,
    ) -> None:
        """`devices`: one model on each. `pictures`: so many are in memory at once; None for three a device,
        one decoded and one encoded while one is restored, and one more against hold-ups.
        """
        self._settings = settings
        self._devices = devices
        self._pictures = pictures or 3 * len(devices) + 1
        self._on_start = on_start
        self._worker: Worker | None = None

    def __call__(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """The outcomes as they come. Raises ModelError or DeviceError if nothing can be loaded."""
        if self._worker is None:
            settings = self._settings
            derainers = [
                open_model(replace(settings.load, device=device), settings.model) for device in self._devices
            ]
            self._worker = Worker(settings, derainers, self._on_start)
        return run(jobs, self._worker, self._pictures)


def run(jobs: Iterable[Job], worker: Worker, pictures: int) -> Iterator[Outcome]:
    """The outcomes as they come, at most `pictures` in work at once.

    Left early, by an exception or by its reader, it stops the pictures in work after their next tile.
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
        except BaseException:  # KeyboardInterrupt and GeneratorExit among them
            worker.stop.set()
            raise
