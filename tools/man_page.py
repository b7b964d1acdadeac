"""Writes docs/derain.1, the man page, from the command line itself: `python tools/man_page.py`.

The text of every command is built as reStructuredText, and docutils makes the page of it. It comes with
`pip install --group docs`. A test fails if a command or an option is missing in the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from command_reference import as_shown, commands_below, help_of
from docutils.core import publish_string

from deraincli._version import __version__
from deraincli.cli.app import app

PAGE = Path(__file__).parents[1] / "docs/derain.1"


def man_page() -> str:
    """Returns the page in the language of `man`."""
    root: Any = typer.main.get_command(app)
    summary = as_shown(root.help).removesuffix(".").lower()
    lines = [
        *_heading("derain", "="),
        *_heading(summary, "-"),
        ":Manual section: 1",
        f":Version: {__version__}",
    ]
    lines += ["", *_heading("SYNOPSIS", "~"), "``derain COMMAND [OPTIONS] …``", ""]
    for name, command in commands_below(root, "derain"):
        lines += _section(name, command)
    lines += [*_heading("SEE ALSO", "~"), "``derain COMMAND --help`` shows the same texts and examples.", ""]
    settings = {"report_level": 5}
    page: bytes = publish_string("\n".join(lines), writer="manpage", settings_overrides=settings)
    return page.decode()


def _section(name: str, command: Any) -> Iterator[str]:
    """Yields the summary, the usage and the parameters of a command."""
    context = typer.Context(command, info_name=name)
    yield from _heading(name, "~")
    yield from (as_shown(command.help), "")
    yield from (f"``{name} {' '.join(command.collect_usage_pieces(context))}``", "")
    for parameter in command.get_params(context):
        record = help_of(parameter, context)
        if record:
            name, text = record
            yield from (f"``{name.partition(' <')[0]}``", f"    {_escaped(text)}", "")


def _heading(text: str, line: str) -> list[str]:
    return [text, line * len(text), ""]


def _escaped(text: str) -> str:
    """Returns the text with the marks of reStructuredText as they stand."""
    return "".join(f"\\{mark}" if mark in "*`|_\\" else mark for mark in text)


if __name__ == "__main__":
    PAGE.write_text(man_page(), encoding="utf-8")
