"""Where the result of one input goes: a file, or standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

from deraincli.cli import options
from deraincli.cli.output import Output
from deraincli.errors import OutputError, UsageError

STREAM = "-"
"""Stands for standard input or standard output in place of a file."""


def is_stdout(source: str, destination: str | None) -> bool:
    """Returns whether the result goes to standard output: by `-o -`, or from standard input without -o."""
    return (source if destination is None else destination) == STREAM


def output_path(source: str, destination: str | None, suffix: str) -> Path | None:
    """Returns the output file. None for standard output.

    Args:
        source: The input as the command line names it.
        destination: The value of -o. A folder keeps the input's name, and None puts `NAME.derained` beside
            the input.
        suffix: The suffix for outputs that are named after the input, with its dot.

    Raises:
        UsageError: The destination is empty, or a folder while the input has no name.
    """
    if is_stdout(source, destination):
        return None
    given = Path(source)
    if destination is None:
        return given.with_name(f"{given.stem}.derained{suffix}")
    target = options.path(destination)
    is_folder = os.path.isdir(target) or destination.endswith(("/", os.sep))  # noqa: PTH112  # takes any name
    if not is_folder:
        return target
    if source == STREAM:
        raise UsageError(f"'{destination}' is a folder, and standard input has no name: name a file in it.")
    return target / f"{given.stem}{suffix}"


def check_output(target: Path | None, what: str, *, overwrite: bool) -> None:
    """Finds out before the work whether a result can be written.

    Args:
        target: The output file. None for standard output.
        what: The result in words, such as "A video".
        overwrite: Whether an existing file may be replaced.

    Raises:
        ExistsError: The file exists and `overwrite` is False.
        OutputError: The file cannot be written, or standard output is a terminal.
    """
    from deraincli.files.atomic import check_destination

    if target is not None:
        check_destination(target, overwrite=overwrite)
    elif sys.stdout.isatty():
        raise OutputError(f"{what} is not written to a terminal: redirect standard output or give -o FILE.")


def refuse_same(option: str, file: Path | None, others: Iterable[str | Path | None]) -> None:
    """Checks that a file to write is no other file of the command, which --overwrite would destroy.

    Args:
        option: The option that names the file.
        file: The file to write. None for standard output.
        others: The other files of the command. None for those that are not given.

    Raises:
        UsageError: It is one of the others.
    """
    given = [os.path.realpath(other) for other in others if other is not None]
    if file is not None and os.path.realpath(file) in given:
        raise UsageError(f"{option} '{file}' is another file of this command: choose another name.")


def note_lossless(format: str, quality: int | None, out: Output) -> None:
    """Notes that --quality has no effect on a lossless format.

    Args:
        format: A key of `imaging.formats.FORMATS`.
        quality: The value of --quality.
        out: Where the note goes.
    """
    from deraincli.imaging.formats import LOSSLESS

    if quality is not None and format in LOSSLESS:
        out.note(f"{format} is lossless, so --quality has no effect.")


def note_other_suffix(target: Path | None, suffixes: Collection[str], format: str, out: Output) -> None:
    """Notes that the suffix of the output names another format than --format, which counts.

    Args:
        target: The output file. None for standard output.
        suffixes: The suffixes of the format in lower case, with dots.
        format: The name of the format.
        out: Where the note goes.
    """
    if target is not None and target.suffix.lower() not in suffixes:
        out.note(
            f"'{target.name}' will hold {format}, as --format asks. Its suffix does not name that format."
        )
