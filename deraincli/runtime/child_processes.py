"""Runs Python in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs this Python to its end, with the modules of this process and none of the current folder.

    The user may stand in a folder of strangers' files, one of which may be called `torch.py`.

    Args:
        *arguments: What follows the name of the program, such as `-m` and a module.

    Returns:
        Exit code, standard output and standard error.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run([sys.executable, "-P", *arguments], env=environment, capture_output=True, text=True)
