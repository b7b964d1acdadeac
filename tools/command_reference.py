"""Writes docs/commands.md from the command line itself: `python tools/command_reference.py`.

A test fails if the page and the command line differ.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from rich.text import Text

from deraincli.cli.app import app

PAGE = Path(__file__).parents[1] / "docs/commands.md"
INTRODUCTION = """# Commands

`python tools/command_reference.py` writes this page from `--help`. The
[cookbook](cookbook.md) shows the commands at work.
"""


def reference() -> str:
    """Returns the whole page as Markdown."""
    root: Any = typer.main.get_command(app)
    sections = [_section(name, command) for name, command in commands_below(root, "derain")]
    return "\n".join([INTRODUCTION, *sections])


def commands_below(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yields the commands below a group, and those below them, by their full names."""
    if not hasattr(command, "commands"):
        yield name, command
    for word, below in getattr(command, "commands", {}).items():
        yield from commands_below(below, f"{name} {word}")


def as_shown(text: str | None) -> str:
    """Returns a text of the command line as `--help` shows it: on one line, without Rich's markup."""
    return " ".join(Text.from_markup(text or "").plain.split())


def help_of(parameter: Any, context: typer.Context) -> tuple[str, str] | None:
    """Returns the name of a parameter and its help as `--help` shows it, None for hidden ones."""
    record = parameter.get_help_record(context)
    if record is None:
        return None
    name, text = record
    written = parameter.help or ""
    facts = text.removeprefix(written)  # such as [required]: the same brackets, but no markup
    return name, f"{as_shown(written)} {' '.join(facts.split())}".strip()


def _section(name: str, command: Any) -> str:
    """Returns the summary, usage, arguments, options by panel, and examples of a command."""
    context = typer.Context(command, info_name=name)
    parameters = command.get_params(context)
    lines = [f"## {name}", "", as_shown(command.help), ""]
    lines += ["```text", f"{name} {' '.join(command.collect_usage_pieces(context))}", "```", ""]
    panels: dict[str, list[tuple[str, str]]] = {}
    for parameter in parameters:
        record = help_of(parameter, context)
        if record:
            name, text = record
            panel = parameter.rich_help_panel or "Options"
            if parameter.param_type_name == "argument":
                name, panel = name.partition(" <")[0], "Arguments"  # without Python's type
            panels.setdefault(panel, []).append((name, text))
    for title, rows in panels.items():
        lines += _table(title, rows)
    examples = Text.from_markup(command.epilog or "").plain.partition("\n")[2]
    if examples:
        lines += ["```sh", examples, "```", ""]
    return "\n".join(lines)


def _table(title: str, rows: list[tuple[str, str]]) -> list[str]:
    """Returns the lines of a table of names and their help, as Markdown."""
    body = [f"| <code>{_in_a_cell(name)}</code> | {_in_a_cell(text)} |" for name, text in rows]
    return [f"| {title} | |", "|---|---|", *body, ""]


def _in_a_cell(text: str) -> str:
    """Returns the text as HTML on one line. Markdown's readers disagree on how to write | in a table."""
    return html.escape(" ".join(text.split()), quote=False).replace("|", "&#124;")


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
