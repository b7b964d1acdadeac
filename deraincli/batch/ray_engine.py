"""The engine on a running Ray cluster, or on a local one that is started for the run.

Ray Data runs a pool of actors, each of which loads the model once. All machines must see the pictures and the
results under the same paths.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from typing import Any

from deraincli.batch.local_engine import run
from deraincli.batch.outcome import Outcome, RestoreSettings
from deraincli.batch.worker import Worker
from deraincli.errors import DeviceError, UsageError
from deraincli.files.manifest import Job
from deraincli.restoration.load import open_model
from deraincli.runtime import process
from deraincli.runtime.installation import install_command

BATCH = 16
"""Largest number of pictures that an actor gets at once.

The actor decodes, restores and encodes different pictures of a batch at the same time.
"""

PICTURES = 4
"""Largest number of pictures that an actor has in memory."""


class RayEngine:
    """Runs jobs on Ray. When an actor dies, its unfinished pictures are restored again."""

    def __init__(
        self, settings: RestoreSettings, device: str, workers: int | None, address: str | None
    ) -> None:
        """Stores the settings. Starts nothing.

        Args:
            settings: How pictures are restored and saved.
            device: The device of every actor. "cpu" uses no GPU.
            workers: Number of actors. None stands for one a GPU, or one for every two CPU cores if no GPU is
                used.
            address: Address of a running cluster, as `ray.init` takes it. None starts a local cluster.

        Raises:
            UsageError: Ray is not installed.
        """
        _require_ray()
        self._settings = settings
        self._device = device
        self._workers = workers
        self._address = address

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Restores the pictures of the jobs.

        Args:
            jobs: The jobs.

        Yields:
            The outcomes in the order in which their batches are ready.

        Raises:
            DeviceError: There is no cluster at the address.
        """
        import ray.data

        with _cluster(self._address):
            resources = ray.cluster_resources()
            gpus = 0 if self._device == "cpu" else int(resources.get("GPU", 0))
            cores = max(int(resources.get("CPU", 1)), 1)
            workers = self._workers or gpus or max(cores // 2, 1)
            batch = min(max(len(jobs) // (4 * workers), 1), BATCH)
            # Jobs are pickled, because Arrow does not accept file names that are not valid Unicode.
            rows = [{"job": pickle.dumps(job)} for job in jobs]
            outcomes = ray.data.from_items(
                rows, override_num_blocks=math.ceil(len(rows) / batch)
            ).map_batches(
                _Actor,
                fn_constructor_args=(self._settings, self._device),
                batch_size=batch,
                compute=ray.data.ActorPoolStrategy(size=workers),
                num_cpus=max(cores // workers, 1),
                num_gpus=gpus_each(gpus, workers),
            )
            for row in outcomes.iter_rows():
                yield pickle.loads(row["outcome"])


def gpus_each(gpus: int, workers: int) -> float | None:
    """Returns the GPUs that Ray reserves for each actor: at most one, because an actor uses no more.

    Ray refuses fractions above one.

    Args:
        gpus: Number of GPUs of the cluster.
        workers: Number of actors.

    Returns:
        The number, or a share if actors share a GPU. None if there is no GPU.
    """
    return min(gpus / workers, 1) if gpus else None


class _Actor:
    """A worker with its own model and its own process."""

    def __init__(self, settings: RestoreSettings, device: str) -> None:
        process.prepare()
        self._worker = Worker(settings, [open_model(replace(settings.load, device=device))])

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        jobs = [pickle.loads(job) for job in batch["job"]]
        return {"outcome": [pickle.dumps(outcome) for outcome in run(jobs, self._worker, PICTURES)]}


def _require_ray() -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # sends no usage statistics
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # silences Ray's servers on stderr
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        raise UsageError(f"--engine ray needs Ray: {install_command('ray')}") from error


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Starts or joins a Ray cluster for the block, silences it, and keeps this process's SIGTERM handler."""
    import ray

    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address,
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, ValueError) as error:
        raise DeviceError(
            f"There is no Ray cluster at '{address}': start it, or check --ray-address."
        ) from error
    signal.signal(signal.SIGTERM, on_terminate)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    with redirect_stdout(sys.stderr):  # Ray prints messages on its workers, even while it shuts down
        try:
            yield
        finally:
            ray.shutdown()
