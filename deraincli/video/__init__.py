"""Videos: every picture restored, everything else kept as it was. Needs PyAV, the extra `video`."""

from __future__ import annotations

import os
from importlib.util import find_spec

from deraincli.errors import InputError
from deraincli.installation import install_command


def require_av() -> None:
    """Raises InputError where PyAV is not installed."""
    if find_spec("av") is None:
        raise InputError(f"Videos need PyAV, which is not installed: {install_command('video')}")
    os.environ.setdefault(
        "SVT_LOG", "1"
    )  # the AV1 encoder prints its settings unless told to print errors only
