"""A program that imports the package keeps its own settings; a process of our own gets ours."""

from __future__ import annotations

import logging
import os
import platform
import subprocess
import sys
import warnings

import pytest

from deraincli.runtime import process
from deraincli.runtime.process import quiet_log

SETTINGS = """
import logging, os, signal, sys, warnings
import cv2, huggingface_hub.file_download, numpy, PIL.Image, scipy, skimage.metrics, sympy, torch
import PIL.AvifImagePlugin, PIL.TiffImagePlugin

def settings():
    logs = {name: log.level for name, log in logging.root.manager.loggerDict.items() if hasattr(log, "level")}
    return {
        "warnings": list(warnings.filters),
        "environment": {name: value for name, value in os.environ.items() if not name.startswith("TORCH")},
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)],
        "logs": {name: level for name, level in logs.items() if level},
        "root": (logging.root.level, list(logging.root.handlers)),
        "hub": {name: value for name, value in vars(huggingface_hub.constants).items() if name.isupper()},
        "pillow": PIL.Image.MAX_IMAGE_PIXELS,
        "threads": (torch.get_num_threads(), cv2.getNumThreads()),
        "torch": (torch.get_default_dtype(), torch.is_grad_enabled(), torch.backends.cudnn.benchmark),
        "numpy": numpy.geterr(),
        "streams": (sys.stdout, sys.stderr, sys.excepthook),
    }

before = settings()
import deraincli
from deraincli.imaging import decode
from deraincli.model_zoo import hub
derainer = deraincli.load("balnet-lite-streak", device="cpu")
derainer(numpy.zeros((32, 32, 3), numpy.uint8))
after = settings()
for name in before:
    assert before[name] == after[name], (name, before[name], after[name])
"""

FRESH_PAGES = """
import resource
for _ in range(30):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**22)  # 16 MB
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def fresh_pages(code: str) -> list[int]:
    """Runs code and then counts, time after time, the fresh pages that a tensor of 16 MB needs."""
    fixed = {"MALLOC_MMAP_THRESHOLD_": str(2**17)}  # where it begins, but malloc may not raise it
    command = [sys.executable, "-c", code + FRESH_PAGES]
    done = subprocess.run(command, env=os.environ | fixed, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()]


GLIBC = platform.libc_ver()[0] == "glibc"
needs_glibc = pytest.mark.skipif(not GLIBC, reason="only glibc is asked to keep memory")


@needs_glibc
def test_importing_and_loading_change_nothing_in_the_process() -> None:
    """Memory included: every large tensor is still made of fresh pages."""
    counts = fresh_pages(SETTINGS)
    assert min(counts[-10:]) > counts[0] / 2


@needs_glibc
def test_a_process_of_our_own_uses_freed_memory_again() -> None:
    """The heap takes some rounds to settle."""
    counts = fresh_pages("import torch; from deraincli.runtime import process; process.prepare()")
    assert max(counts[-10:]) < counts[0] / 10


def test_the_command_line_is_a_process_of_our_own(derain, monkeypatch) -> None:
    prepared = []
    monkeypatch.setattr(process, "prepare", lambda: prepared.append(True))
    assert derain("--version").code == 0
    assert prepared


def test_pillow_does_not_warn_in_a_process_of_our_own() -> None:
    with warnings.catch_warnings(record=True) as caught:
        process.prepare()
        warnings.warn_explicit("damaged", UserWarning, "TiffImagePlugin.py", 1, "PIL.TiffImagePlugin")
        warnings.warn_explicit("ours", UserWarning, "x.py", 1, "other")
    assert [str(warning.message) for warning in caught] == ["ours"]


def test_a_quiet_log_speaks_again_after_the_block(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("a.library")
    with pytest.raises(KeyError), quiet_log("a.library", logging.ERROR):
        log.warning("hidden")
        log.error("shown")
        raise KeyError
    log.warning("heard")
    assert caplog.messages == ["shown", "heard"]
