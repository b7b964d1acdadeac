"""Work in threads: how many are worth starting, and results in order.

In a container, a process may use fewer CPUs than the machine has.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

CGROUPS = Path("/sys/fs/cgroup")
FILE_WORKERS = 8
"""Largest number of threads that read files. Disks gain nothing from more, and each picture takes memory."""


def ordered_map(
    function: Callable[[T], R], items: Iterable[T], *, workers: int | None = None, ahead: int | None = None
) -> Iterator[R]:
    """Calls a function on every item in threads and yields the results in the items' order.

    Args:
        function: What to call.
        items: Taken in the caller's thread, as far as they are needed.
        workers: Number of threads. None stands for one a CPU, at most FILE_WORKERS, for work on files.
        ahead: Largest number of items that are taken while the result of an earlier one is waited for. It
            bounds the memory. None stands for two a thread.

    Raises:
        Exception: What the function raises for an item, when that item's turn comes. Calls that have not
            begun are then dropped, as they are when the reader stops early.
    """
    workers = workers or min(FILE_WORKERS, usable_cpus())
    ahead = 2 * workers if ahead is None else ahead
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def machine_cpus() -> int:
    """Returns the number of logical CPUs of the machine."""
    return os.cpu_count() or 1


def allowed_cpus() -> int:
    """Returns the number of CPUs that the scheduler gives this process (`taskset`, cpusets).

    Returns all CPUs if the system does not report it.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else machine_cpus()


def cpu_quota(cgroups: Path = CGROUPS) -> float | None:
    """Returns how many CPUs' worth of time a container may use (`docker --cpus`). None without a limit.

    Args:
        cgroups: The folder where the kernel shows control groups, version 2 or 1.
    """
    try:
        quota, period = (cgroups / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroups / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroups / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    return int(quota) / int(period) if quota not in ("max", "-1") else None


def usable_cpus() -> int:
    """Returns the number of CPUs that both the scheduler and the container's limit allow this process."""
    quota = cpu_quota()
    return min(allowed_cpus(), math.ceil(quota) if quota else allowed_cpus())


def usable_threads() -> int:
    """Returns the number of threads for computation.

    This is OMP_NUM_THREADS where it is set, as in PyTorch, and `usable_cpus` elsewhere.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return usable_cpus()
