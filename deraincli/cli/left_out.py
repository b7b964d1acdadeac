"""Notes on the files of a folder that a command leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deraincli.cli.output import Output

NAMED = 20
"""Largest number of files that are named."""


def note_other_kinds(files: Sequence[Path], out: Output, *, videos: str) -> None:
    """Counts and names the files that are no pictures or of formats that cannot be read here.

    Args:
        files: The files. If there are none, nothing is printed.
        out: Where the note goes.
        videos: What to do with videos, in words.
    """
    from deraincli.imaging.formats import VIDEO_SUFFIXES, missing_extras

    if not files:
        return
    named = ", ".join(f"'{file}'" for file in files[:NAMED])
    more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
    some_are_videos = any(file.suffix.lower() in VIDEO_SUFFIXES for file in files)
    advice = f"{videos}, and convert other pictures" if some_are_videos else "convert them first"
    note = f"Files of other kinds that were left out: {len(files)} ({named}{more}); {advice}."
    out.note(" ".join([note, *(f"{sentence}." for sentence in missing_extras(files))]))
