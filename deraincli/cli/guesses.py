"""Guesses which command a user meant, if the command line names none or too many files."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from deraincli.imaging.formats import OTHER_PICTURE_SUFFIXES, PICTURE_SUFFIXES, VIDEO_SUFFIXES


def suggested_command(words: Sequence[str]) -> str | None:
    """Finds the right command line if a user named files or a folder and no command.

    Args:
        words: The words after `derain`, at least one.

    Returns:
        The command line, None if the first word looks like neither a file nor a folder.
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
