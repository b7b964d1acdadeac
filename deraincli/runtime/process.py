"""Settings of the whole process: for good in a process of our own, or for the length of a `with` block.

Importing the package and loading a model change none of them for good, because the process may belong to a
notebook or a server. The command line and the workers of a batch call `prepare`.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""The parameters of glibc's mallopt, from malloc.h."""


def prepare() -> None:
    """Makes the settings of a process that runs nothing but deraincli."""
    # Pillow warns about damaged metadata on its way to a picture or an error. We report both ourselves.
    warnings.filterwarnings("ignore", module="PIL")
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Lets this process keep the memory that tensors free. Does nothing elsewhere than on glibc.

    By default glibc hands large blocks back and fetches fresh pages, which the kernel must clear, for the
    next activation. That takes a fifth of a pass's time on a CPU. The peak stays the same.
    """
    if sys.platform != "linux":
        return
    allocator = ctypes.CDLL(None)
    if hasattr(allocator, "gnu_get_libc_version"):
        allocator.mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)  # the most that glibc takes
        allocator.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


@contextmanager
def default_variable(name: str, value: str) -> Iterator[None]:
    """Sets an environment variable that is not set, for the time of a block.

    Args:
        name: Name of the variable. If the user has set it, it keeps its value.
        value: The value in the block.
    """
    is_set = name in os.environ
    os.environ.setdefault(name, value)
    try:
        yield
    finally:
        if not is_set:
            del os.environ[name]


@contextmanager
def quiet_log(name: str | None, level: int) -> Iterator[None]:
    """Drops what a library logs below a level, for the time of a block.

    Args:
        name: Name of the logger. None for the root logger.
        level: The lowest level that still passes, such as `logging.ERROR`.
    """
    log = logging.getLogger(name)
    before = log.level
    log.setLevel(level)
    try:
        yield
    finally:
        log.setLevel(before)


@contextmanager
def keep_scheduling() -> Iterator[None]:
    """Keeps the scheduling policy of the calling thread, and gives it to the threads that a block starts.

    When root runs SVT-AV1, it makes the thread that opens it and its own threads real-time threads of the
    highest priority. They, and all programs started later, would take the CPUs from every other program.
    Does nothing elsewhere than on Linux.
    """
    if sys.platform != "linux":
        yield
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    others = _threads() - {threading.get_native_id()}
    try:
        yield
    finally:
        for thread in _threads() - others:
            with suppress(ProcessLookupError):  # a thread may have ended since
                os.sched_setscheduler(thread, policy, priority)


def _threads() -> set[int]:
    """Returns the identifiers of this process's threads. Linux only."""
    return {int(task.name) for task in Path("/proc/self/task").iterdir()}
