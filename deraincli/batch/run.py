"""Runs a whole batch on any engine. Skips finished pictures and restores the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from deraincli.batch.outcome import Outcome, RestoreSettings
from deraincli.errors import InputError, OutputError
from deraincli.files.atomic import remove_leftovers
from deraincli.files.folders import make_folder
from deraincli.files.manifest import Job, Manifest

Engine = Callable[[Sequence[Job]], Iterator[Outcome]]
"""Restores the pictures of jobs, and returns the outcomes in any order."""


def tidy(jobs: Iterable[Job]) -> None:
    """Removes the temporary files that killed runs left in the folders of the results.

    Args:
        jobs: The jobs.
    """
    for folder in {job.destination.parent for job in jobs}:
        remove_leftovers(folder)


def run_batch(jobs: Iterable[Job], settings: RestoreSettings, engine: Engine) -> Iterator[Outcome]:
    """Restores the pictures that have no finished result yet.

    Args:
        jobs: The jobs.
        settings: How pictures are restored and saved.
        engine: Restores the pictures.

    Yields:
        One outcome for every job. Those of finished pictures come first.

    Raises:
        OutputError: A folder of results cannot be created or is not writable.
    """
    manifests: dict[Path, Manifest] = {}
    todo = []
    for job in jobs:
        if job.root not in manifests:
            manifests[job.root] = Manifest(job.root)
        facts = None if settings.overwrite else _facts(job, settings, manifests[job.root])
        if facts is None:
            todo.append(job)
        else:
            yield Outcome.skipped(job, facts)
    for root in dict.fromkeys(job.root for job in todo):
        make_folder(root)
        if not os.access(root, os.W_OK | os.X_OK):
            raise OutputError(f"The folder '{root}' is not writable: choose another one with -o.")
    if todo:
        yield from engine(todo)


def _facts(job: Job, settings: RestoreSettings, manifest: Manifest) -> dict[str, Any] | None:
    """Returns the facts of a finished result. None if there is none, or if the picture's mask is missing."""
    try:
        return manifest.facts(job, settings.identity(job))
    except InputError:  # the engine reports it
        return None
