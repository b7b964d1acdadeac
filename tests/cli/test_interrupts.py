"""Ctrl-C and SIGTERM while PyTorch is imported: exit code 130, one word, no result."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from paired import scene, write_picture

SENDER = """
import signal, sys

signal.signal(signal.SIGINT, {handler})

def listen(frame, event, arg):
    if event == "c_call" and arg.__name__ == "_c10d_init":
        listen.inside = True
    elif event == "call" and listen.inside:
        sys.setprofile(None)
        print("sent")
        signal.raise_signal(signal.{sent})

listen.inside = False

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            sys.meta_path.remove(self)
            sys.setprofile(listen)

sys.meta_path.insert(0, Finder())
"""
"""Sends a signal when a function of PyTorch's C++ code calls Python for the first time.

Python runs this as `sitecustomize` when it starts.
"""


def interrupted(folder: Path, model: Path, sent: str, handler: str) -> subprocess.CompletedProcess[str]:
    """Runs `derain image` from photo.png to out.png and sends a signal while PyTorch is imported."""
    write_picture(folder / "photo.png", scene(0, 16, 16))
    (folder / "sitecustomize.py").write_text(SENDER.format(sent=sent, handler=handler))
    path = os.pathsep.join((str(folder), os.environ.get("PYTHONPATH", "")))
    arguments = ["image", "photo.png", "-o", "out.png", "-m", model, "--backend", "eager"]
    return subprocess.run(
        [sys.executable, "-m", "deraincli", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM"])
def test_a_signal_waits_for_the_import_of_pytorch(tmp_path: Path, small_model: Path, sent: str) -> None:
    done = interrupted(tmp_path, small_model, sent, "signal.default_int_handler")
    assert (done.returncode, done.stdout, done.stderr) == (130, "sent\n", "Interrupted.\n")
    assert not (tmp_path / "out.png").exists()


def test_ctrl_c_stays_ignored_where_the_shell_ignores_it(tmp_path: Path, small_model: Path) -> None:
    """A shell does so for jobs in the background."""
    done = interrupted(tmp_path, small_model, "SIGINT", "signal.SIG_IGN")
    assert done.returncode == 0
    assert done.stdout.startswith("sent\n")
    assert (tmp_path / "out.png").exists()
