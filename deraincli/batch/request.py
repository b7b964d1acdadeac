"""What a command line asks for, so that a folder can be looked through again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deraincli.batch.jobs import Found, Job, Naming, find_jobs
from deraincli.batch.shards import Shard


@dataclass(frozen=True)
class Request:
    """Which pictures, and which part of them."""

    inputs: tuple[str, ...]
    """Folders, files and globs."""
    naming: Naming
    shard: Shard | None = None

    def find(self) -> Found:
        """All pictures as they are now. Raises InputError."""
        return find_jobs(self.inputs, self.naming)

    def share(self, jobs: Sequence[Job]) -> list[Job]:
        """Those that fall to this shard."""
        return [job for job in jobs if self.shard is None or self.shard.holds(job.name)]
