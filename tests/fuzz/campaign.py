"""Runs many cases in a process of its own, which may crash, hang or fill the memory.

A case is known by its number, and the process announces each number before it begins. So the case that
ended it is known as well.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import re
import resource
import signal
import tempfile
import time
import traceback
import warnings
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import NamedTuple

import psutil
from targets import TARGETS, case

CPU_SECONDS = 2.0
"""A case that takes more computing time breaks a law."""
HANG_SECONDS = 20.0
"""Computing time after which a case is stopped."""
IDLE_SECONDS = 300.0
"""Time by the clock after which a case that does not compute is stopped."""
MEMORY = 256 * 2**20
"""Bytes by which a case may raise the process's peak memory."""
ADDRESS_SPACE = 4 * 2**30
"""Bytes beyond those in use that the process may ask for."""
POLL_SECONDS = 0.2


class Find(NamedTuple):
    """A case for which a law does not hold."""

    target: str
    number: int
    kind: str
    """Where and how it failed; the same for finds of one cause."""
    details: str


class Slice(NamedTuple):
    """What a process has done."""

    following: int
    """Number of the first case that was not begun."""
    finds: list[Find]


def run_slice(target: str, seed: int, first: int, seconds: float, *, shared: bool = False) -> Slice:
    """Runs cases of one target in a new process for some time.

    Args:
        target: Name of the target.
        seed: Seed of the run.
        first: Number of the first case.
        seconds: Time after which no further case begins.
        shared: Whether files beside the checkout are taken as well.

    Returns:
        How far it came, and what it found. A crash or a hang ends the slice and is a find.
    """
    TARGETS[target].seeds(), TARGETS[target].shared()  # made once, here, for all processes to come
    context = multiprocessing.get_context("fork")
    current = context.Value("q", first)
    receiving, sending = context.Pipe(duplex=False)
    arguments = (target, seed, first, seconds, shared, current, sending)
    process = context.Process(target=_work, args=arguments, daemon=True)
    process.start()
    sending.close()
    finds, ending = _watch(process, current, receiving)
    following = current.value
    if ending:
        finds.append(Find(target, following, ending, ending))
        following += 1
    return Slice(following, finds)


def _watch(
    process: multiprocessing.process.BaseProcess, current: Synchronized, receiving: Connection
) -> tuple[list[Find], str]:
    """Collects finds until the process ends. Returns them, and how it ended if not well."""
    watched = psutil.Process(process.pid)
    finds: list[Find] = []
    number, began, used = -1, time.monotonic(), 0.0
    while True:
        try:
            while receiving.poll(POLL_SECONDS):
                finds.append(receiving.recv())
            spent = sum(watched.cpu_times()[:2])
        except (EOFError, psutil.Error):
            process.join()
            return finds, _ending(process.exitcode or 0)
        if current.value != number:
            number, began, used = current.value, time.monotonic(), spent
        if spent - used > HANG_SECONDS or time.monotonic() - began > IDLE_SECONDS:
            process.kill()
            process.join()
            return finds, "hang"


def _ending(code: int) -> str:
    """Names how a process ended, from its exit code; empty if it ended well."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}" if code else ""


def _work(
    target: str,
    seed: int,
    first: int,
    seconds: float,
    shared: bool,
    current: Synchronized,
    sending: Connection,
) -> None:
    _limit_memory()
    warnings.filterwarnings("ignore", "rawpy is being used in a process created by multiprocessing")
    end = time.monotonic() + seconds
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryDirectory() as folder:
        for stream in (1, 2):
            os.dup2(printed.fileno(), stream)
        number = first
        while time.monotonic() < end:
            current.value = number
            if find := _find(target, seed, number, Path(folder), shared=shared):
                sending.send(find)
            number += 1
            if said := TARGETS[target].unexpected(_read_on(printed.fileno())):
                sending.send(Find(target, number - 1, f"prints {said[:60]!r}", said))
        current.value = number
    sending.close()


def _find(target: str, seed: int, number: int, folder: Path, *, shared: bool) -> Find | None:
    data = case(TARGETS[target], target, seed, number, shared=shared)
    before, began = _peak_memory(), time.process_time()
    try:
        TARGETS[target].check(data, folder)
    except Exception as error:
        return Find(target, number, kind_of(error), "".join(traceback.format_exception(error)))
    spent, more = time.process_time() - began, _peak_memory() - before
    if spent > CPU_SECONDS:
        return Find(target, number, "slow", f"{spent:.1f} s")
    if more > MEMORY:
        return Find(target, number, "memory", f"{more / 2**20:.0f} MiB")
    return None


def kind_of(error: Exception) -> str:
    """Names an error by its type and by the last lines of the project that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "deraincli" in f.filename or "/fuzz/" in f.filename][-2:]
    places = " < ".join(f"{Path(f.filename).name}:{f.name}" for f in reversed(ours))
    first_line = re.split(r"['\"\d]", str(error).strip().partition("\n")[0])[0][:60]
    return f"{type(error).__name__} {places} {first_line}"


def save(find: Find, folder: Path, seed: int, *, shared: bool) -> Path:
    """Writes a find's file, with a text on what went wrong beside it. Returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(find.kind.encode()).hexdigest()[:8]
    file = folder / f"{find.target}-{digest}-{find.number}"
    file.write_bytes(case(TARGETS[find.target], find.target, seed, find.number, shared=shared))
    file.with_name(f"{file.name}.txt").write_text(f"{find.kind}\n\n{find.details}\n", errors="replace")
    return file


def _limit_memory() -> None:
    in_use = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (in_use + ADDRESS_SPACE, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _read_on(file: int) -> str:
    """What was printed since the last call."""
    end = os.lseek(file, 0, os.SEEK_END)
    if not end:
        return ""
    said = os.pread(file, end, 0).decode(errors="replace")
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)
    return said
