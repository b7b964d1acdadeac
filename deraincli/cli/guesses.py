"""What a command line that names no command, or too many files, was probably meant to be."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from deraincli.imaging.formats import OTHER_PICTURE_SUFFIXES, PICTURE_SUFFIXES, VIDEO_SUFFIXES


def meant_command(words: Sequence[str]) -> str | None:
    """Returns the command line for files or a folder that stand where a command should.

    Args:
        words: What was typed after `derain`.

    Returns:
        None if the first word looks like neither.
    """
    suffix = Path(words[0]).suffix.lower()
    if Path(words[0]).is_dir():
        command = "batch"
    elif suffix in VIDEO_SUFFIXES:
        command = "video"
    elif suffix in PICTURE_SUFFIXES | OTHER_PICTURE_SUFFIXES or Path(words[0]).is_file():
        several = words[1:] and not words[1].startswith("-")
        command = "batch" if several else "image"
    else:
        return None
    return shlex.join(["derain", command, *words])
