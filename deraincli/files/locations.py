"""Where the package keeps its files."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from deraincli.errors import OutputError


def cache_folder() -> Path:
    """`deraincli/` in XDG_CACHE_HOME, by default `~/.cache`.

    Raises OutputError if the user has no home, and no other place can be had.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or _default_caches()) / "deraincli"


def give_homeless_users_a_cache() -> None:
    """Sets XDG_CACHE_HOME for a user without a home, as in containers and services.

    PyTorch and huggingface_hub read it, too; the latter when it is imported. Raises OutputError as
    `cache_folder` does.
    """
    if not os.environ.get("XDG_CACHE_HOME") and not _has_home():
        os.environ["XDG_CACHE_HOME"] = str(_default_caches())


def _has_home() -> bool:
    try:
        Path.home()
    except RuntimeError:
        return False
    return True


def _default_caches() -> Path:
    """`~/.cache`; for a user without a home, a folder of that user's own among the temporary files."""
    if _has_home():
        return Path.home() / ".cache"
    import tempfile  # hardly anybody needs it

    if sys.platform == "win32":  # where each user has temporary files of their own
        return Path(tempfile.gettempdir())
    folder = Path(tempfile.gettempdir()) / f"derain-{os.getuid()}"
    advice = "this user has no home folder: set XDG_CACHE_HOME to a folder that can be written."
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise OutputError(f"'{folder}' cannot be made ({error.strerror}), and {advice}") from error
    # Models are read from there, so nobody else may put any in.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise OutputError(f"'{folder}' is open to other users, and {advice}")
    return folder


def weights_folder() -> Path:
    """The folder `weights`: inside an installed package, or at the top of a source checkout."""
    package = Path(__file__).parents[1]
    installed = package / "weights"
    return installed if installed.is_dir() else package.parent / "weights"
