"""Where the package keeps its files."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`deraincli/` in XDG_CACHE_HOME, by default `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deraincli"


def weights_folder() -> Path:
    """The folder `weights`: inside an installed package, or at the top of a source checkout."""
    package = Path(__file__).parents[1]
    installed = package / "weights"
    return installed if installed.is_dir() else package.parent / "weights"
