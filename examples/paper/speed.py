"""Prints the time of one pass of every network as a Markdown table: `python examples/paper/speed.py`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from deraincli.reporting.markdown import markdown_table

NAMES = {
    "balnet-lite": "balnet-lite",
    "balnet": "balnet",
    "ddn": "DDN",
    "jorder": "JORDER",
    "did-mdn": "DID-MDN",
    "nledn": "NLEDN",
    "eigen": "Eigen",
    "agan": "AGAN",
    "prenet": "PReNet",
}
"""Name for `derain bench`, and the name shown."""
SHORT = ("balnet-lite", "balnet", "ddn", "jorder", "prenet")
"""The networks in the README."""


Rows = dict[str, dict[str, Any]]
"""The rows of `derain bench` by network."""


def measured(size: int) -> tuple[str, Rows]:
    """Runs `derain bench`, which times the networks in turn.

    Returns:
        How they ran, such as `bf16, 2 threads`, and the rows.
    """
    command = ["bench", "--models", ",".join(NAMES), "--size", str(size), "--repeat", "3", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "deraincli", *command], stdout=subprocess.PIPE, text=True, check=True
    )
    sheet = json.loads(done.stdout)
    rows, threads = sheet["rows"], sheet["threads"]
    precisions = " and ".join(dict.fromkeys(row["precision"] for row in rows))
    how = f"{precisions}, {threads} thread{'s' if threads > 1 else ''}"
    print(f"{how}, torch {sheet['torch']}", file=sys.stderr)
    return how, dict(zip(NAMES, rows, strict=True))


def milliseconds(rows: Rows) -> dict[str, float]:
    """Returns the median time of one pass by network."""
    return {name: row["latency_ms"]["median"] for name, row in rows.items()}


def short_table(how: str, rows: Rows, size: int) -> str:
    """Returns the row and the networks of the README."""
    headings = [f"one pass at {size}×{size}, ms", *(NAMES[name] for name in SHORT)]
    times = milliseconds(rows)
    return markdown_table(headings, [[how, *(f"{times[name]:.0f}" for name in SHORT)]])


def table(rows: Rows) -> str:
    """Returns times, ratios, and the seconds in the authors' response."""
    times = milliseconds(rows)
    seconds = [row["document_seconds"] for row in rows.values()]
    cells = [
        ["ms", *(f"{time:.0f}" for time in times.values())],
        ["ratio", *(f"{time / times['balnet-lite']:.2f}" for time in times.values())],
        ["authors' response, s", *("–" if s is None else f"{s:g}" for s in seconds)],
    ]
    return markdown_table(["", *NAMES.values()], cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="only the row and the networks of the README")
    parser.add_argument("--size", type=int, default=320, help="side in pixels")
    chosen = parser.parse_args()
    how, rows = measured(chosen.size)
    print(short_table(how, rows, chosen.size) if chosen.short else table(rows))


if __name__ == "__main__":
    main()
