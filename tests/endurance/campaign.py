"""What the campaigns share: `derain` in forked copies of this process, tiny pictures, laws and figures.

A forked copy costs its own work and not PyTorch's start. It is a process like any other, so a signal ends it
as it ends any other.
"""

# ruff: noqa: E402 (NumPy and PyTorch read the environment when they are imported)

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # before NumPy and PyTorch read them
    os.environ[name] = "1"
for name in [name for name in os.environ if name.startswith("DERAIN_")]:
    del os.environ[name]
sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import numpy as np
import PIL.Image
import psutil
import tiny_models
import torch

import deraincli
from deraincli.benchmark.environment import cpu_name
from deraincli.files.manifest import Manifest

torch.set_num_threads(1)

PATIENCE = 300.0
"""Seconds after which a command counts as hung."""


class BrokenLawError(Exception):
    """A law that a campaign found broken."""


def require(holds: bool, sentence: str) -> None:
    """Raises BrokenLawError with the sentence unless the law holds."""
    if not holds:
        raise BrokenLawError(sentence)


def import_everything() -> None:
    """Imports all modules, so that forked copies find them loaded. Optional packages may be missing."""
    for module in pkgutil.walk_packages(deraincli.__path__, "deraincli."):
        if not module.name.endswith("__main__"):
            with suppress(ImportError):
                importlib.import_module(module.name)
    gc.freeze()  # collections in the copies need not copy all modules' memory


class Stop:
    """Whether SIGTERM or SIGINT asked the campaign to end early. It then reports what it has done."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


class Command:
    """A `derain` command in a forked copy of this process."""

    def __init__(
        self, arguments: Sequence[object], log: Path, before: Callable[[], None] | None = None
    ) -> None:
        """Starts it. `log`: its output goes to `log.out` and `log.err`. `before` runs in the copy first."""
        self.out, self.err = log.with_suffix(".out"), log.with_suffix(".err")
        for file in (self.out, self.err):
            file.write_bytes(b"")
        self._code: int | None = None
        self._computed = 0.0
        self.pid = os.fork()
        if self.pid == 0:
            os.setpgid(0, 0)  # a signal that ends the campaign is not for the command
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _run(["derain", *map(str, arguments)], self.out, self.err, before)

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self._code is None:
            pid, status, used = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
                self._computed = used.ru_utime + used.ru_stime
        return self._code

    def kill(self) -> bool:
        """Ends it by SIGKILL. Returns whether it was still at work."""
        if self.code is not None:
            return False
        os.kill(self.pid, signal.SIGKILL)
        return self.wait() == -signal.SIGKILL

    @property
    def computed(self) -> float:
        """Seconds of CPU time that it has taken so far, which hardly depend on how busy the machine is."""
        if self.code is None:
            self._computed = sum(psutil.Process(self.pid).cpu_times()[:2])
        return self._computed

    def work_for(self, seconds: float) -> None:
        """Waits until it has computed for some more seconds, or for its end. Fails as `wait` does."""
        enough = self.computed + seconds
        self._watch(lambda: self.computed >= enough)

    def wait(self) -> int:
        """Waits for its end, and returns its code. Raises BrokenLawError if it hangs."""
        self._watch(lambda: False)
        assert self._code is not None
        return self._code

    def _watch(self, is_enough: Callable[[], bool]) -> None:
        limit = time.monotonic() + PATIENCE
        while self.code is None and not is_enough():
            if time.monotonic() > limit:
                os.kill(self.pid, signal.SIGKILL)
                raise BrokenLawError(f"a command hangs: {self.err.read_text(errors='replace')}")
            time.sleep(0.002)

    def said(self) -> str:
        """What it wrote to standard error. Raises BrokenLawError for a traceback."""
        text = self.err.read_text(errors="replace")
        require("Traceback" not in text, text)
        return text

    def records(self) -> list[dict]:
        """The complete lines of `--json`."""
        lines = self.out.read_bytes().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith(b"\n")]


def _run(argv: list[str], out: Path, err: Path, before: Callable[[], None] | None) -> None:
    """Runs the command line in a forked copy, and ends the copy."""
    from deraincli.__main__ import main

    code = 1
    try:
        for file, number in ((out, 1), (err, 2)):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.argv = argv
        if before is not None:
            before()
        main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def write_model(folder: Path) -> Path:
    """Writes the tiny model."""
    file = folder / "tiny.safetensors"
    file.write_bytes(tiny_models.random_model(tiny_models.TINY))
    return file


def write_pictures(folder: Path, count: int, side: int = 24) -> Path:
    """Writes PNGs and JPEGs of noise, every tenth in a sub-folder."""
    for number in range(count):
        path = folder / ("sub" if number % 10 == 9 else ".") / f"{number}{('.png', '.jpg')[number % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(path)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Returns every visible file below a folder by name: no records of a batch, no temporary files.

    A file may go while this runs.
    """
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if not any(part.startswith(".") for part in name.parts):
            with suppress(FileNotFoundError, IsADirectoryError):
                found[name.as_posix()] = path.read_bytes()
    return found


def temporary_files(folder: Path) -> list[Path]:
    """Returns hidden files and folders below a folder, without a batch's record."""
    return [path for path in folder.rglob(".*") if path.name != Manifest.FOLDER]


def check_partial(found: dict[str, bytes], whole: dict[str, bytes]) -> None:
    """Raises BrokenLawError unless every file is one of the whole run, to the byte."""
    for name, data in found.items():
        require(data == whole.get(name), f"'{name}' is not what an undisturbed run writes")


def machine() -> str:
    """Returns the processor and the threads of the campaigns, for the figures."""
    return f"{cpu_name()}, {os.cpu_count()} cores, 1 thread a process"


def conclude(name: str, figures: str, began: float) -> None:
    """Prints a campaign's figures."""
    minutes = (time.monotonic() - began) / 60
    print(f"{name}: {figures}; no law broken. {minutes:.1f} minutes, {machine()}.", flush=True)
