"""The folders in which the package keeps its files."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from deraincli.errors import OutputError


def cache_folder() -> Path:
    """Returns the folder `deraincli` in XDG_CACHE_HOME, which is `~/.cache` by default.

    Raises:
        OutputError: The user has no home folder, and no other folder can be used.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or _default_caches()) / "deraincli"


def give_homeless_users_a_cache() -> None:
    """Sets XDG_CACHE_HOME for a user without a home folder, such as those of containers and services.

    PyTorch and huggingface_hub read the variable, too. huggingface_hub reads it at its import, so call this
    first.

    Raises:
        OutputError: No folder can be used.
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
    """Returns `~/.cache`, or a private folder among the temporary files if the user has no home folder."""
    if _has_home():
        return Path.home() / ".cache"
    import tempfile  # here, because few users need it

    if sys.platform == "win32":  # its folder of temporary files is private already
        return Path(tempfile.gettempdir())
    folder = Path(tempfile.gettempdir()) / f"derain-{os.getuid()}"
    advice = "this user has no home folder: set XDG_CACHE_HOME to a folder that can be written."
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise OutputError(f"'{folder}' cannot be made ({error.strerror}), and {advice}") from error
    # Models are read from this folder, so other users must not be able to write to it.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise OutputError(f"'{folder}' is open to other users, and {advice}")
    return folder


def weights_folder() -> Path:
    """Returns the folder `weights` of the installed package or at the top of a source checkout."""
    package = Path(__file__).parents[1]
    installed = package / "weights"
    return installed if installed.is_dir() else package.parent / "weights"
