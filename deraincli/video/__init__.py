"""Restores videos frame by frame and copies everything else. Needs PyAV, the extra `video`."""

from __future__ import annotations

from importlib.util import find_spec

from deraincli.errors import InputError
from deraincli.runtime.installation import install_command


def require_av() -> None:
    """Checks that PyAV is installed.

    Raises:
        InputError: PyAV is not installed.
    """
    if find_spec("av") is None:
        raise InputError(f"Videos need PyAV, which is not installed: {install_command('video')}")
