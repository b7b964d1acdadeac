"""A whole batch on any engine: skips what is done, restores the rest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from deraincli.batch.outcome import Outcome, RestoreSettings
from deraincli.errors import OutputError
from deraincli.files.atomic import remove_leftovers
from deraincli.files.folders import make_folder
from deraincli.files.manifest import Job, Manifest

Engine = Callable[[Sequence[Job]], Iterator[Outcome]]
"""Restores jobs; their outcomes come in any order."""


def tidy(jobs: Iterable[Job]) -> None:
    """Removes the temporary files that killed runs left where the results go."""
    for folder in {job.destination.parent for job in jobs}:
        remove_leftovers(folder)


def run_batch(jobs: Iterable[Job], settings: RestoreSettings, engine: Engine) -> Iterator[Outcome]:
    """One outcome for every job: first those that are done already, then the others as they come.

    Raises OutputError where a folder for the results cannot be made or written to.
    """
    manifests: dict[Path, Manifest] = {}
    todo = []
    for job in jobs:
        if job.root not in manifests:
            manifests[job.root] = Manifest(job.root)
        facts = None if settings.overwrite else manifests[job.root].facts(job, settings.identity)
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
