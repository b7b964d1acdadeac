"""Writes tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table, each line with its newline.

    A column whose cells all begin like numbers is aligned to the right. A bar in a cell is escaped.
    """
    columns = [[row[place] for row in rows] for place in range(len(headings))]
    rules = ["---:" if all(cell[:1] in "-0123456789" for cell in column) else "---" for column in columns]
    lines = (map(_escaped, headings), rules, *(map(_escaped, row) for row in rows))
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _escaped(cell: str) -> str:
    return " ".join(cell.split("\n")).replace("|", "\\|")
