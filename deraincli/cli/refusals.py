"""Which errors of the system are the user's to mend, and which are bugs of our own."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_OF_THE_MACHINE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    *(errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE),
}
"""Full or failing disks, and limits on open files. No path of ours causes them."""
_OF_A_PATH = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP}
"""Permissions, and names that no file can have. A wrong path of ours causes them as well."""


def refusal(error: OSError) -> str | None:
    """Describes an error of the system for which no other code had a better sentence.

    Args:
        error: The error.

    Returns:
        One sentence that says what to do next, or None for a bug: an error of a path that the user did not
        give.
    """
    paths = [path for path in (error.filename, error.filename2) if isinstance(path, str | bytes)]
    given = any(_is_given(os.fsdecode(path)) for path in paths)
    if error.errno not in _OF_THE_MACHINE and not (error.errno in _OF_A_PATH and given):
        return None
    what = f"'{os.fsdecode(paths[0])}'" if paths else "A file"
    return f"{what} cannot be used ({error.strerror}): check the permissions and the disk."


def _is_given(path: str) -> bool:
    """Returns whether a path is one of the command line's, leads to it, lies below it or is named after it.

    Results are named after their inputs and lie beside them, as photo.derained.jpg does and
    photos-derained/a.jpg.
    """
    found = Path(os.path.abspath(path))  # noqa: PTH100 (follows no links, which may be what fails)
    for word in _words():
        place = Path(os.path.abspath(word))  # noqa: PTH100
        if found in place.parents:
            return True
        if found.is_relative_to(place.parent):
            below = found.relative_to(place.parent).parts
            if not below or below[0].lstrip(".").startswith(place.stem.lstrip(".")):
                return True
    return False


def _words() -> Iterator[str]:
    """Yields all words of the command line and its environment that may be paths; globs up to the first *."""
    settings = [value for name, value in os.environ.items() if name.startswith("DERAIN_")]
    for word in (*sys.argv[1:], *settings):
        name = word.partition("=")[2] if word.startswith("-") else word
        if name:
            yield re.split(rf"[^/{re.escape(os.sep)}]*[*?\[]", name)[0] or "."
            if "=" in name:  # NAME=FILE of `derain compare`
                yield name.partition("=")[2]
