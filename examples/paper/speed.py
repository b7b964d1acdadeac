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


def measured(size: int) -> dict[str, dict[str, Any]]:
    """Runs `derain bench`, which times the networks in turn. Returns its rows by network."""
    command = ["bench", "--models", ",".join(NAMES), "--size", str(size), "--repeat", "3", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "deraincli", *command], stdout=subprocess.PIPE, text=True, check=True
    )
    sheet = json.loads(done.stdout)
    print(f"{sheet['threads']} threads, torch {sheet['torch']}", file=sys.stderr)
    return dict(zip(NAMES, sheet["rows"], strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="only the row and the networks of the README")
    parser.add_argument("--size", type=int, default=320, help="side in pixels")
    chosen = parser.parse_args()
    rows = measured(chosen.size)
    times = {name: row["latency_ms"]["median"] for name, row in rows.items()}
    if chosen.short:
        headings = [f"one pass at {chosen.size}×{chosen.size}, ms", *(NAMES[name] for name in SHORT)]
        print(markdown_table(headings, [["bf16, 2 threads", *(f"{times[name]:.0f}" for name in SHORT)]]))
        return
    seconds = [row["document_seconds"] for row in rows.values()]
    table = [
        ["ms", *(f"{time:.0f}" for time in times.values())],
        ["ratio", *(f"{time / times['balnet-lite']:.2f}" for time in times.values())],
        ["authors' response, s", *("–" if s is None else f"{s:g}" for s in seconds)],
    ]
    print(markdown_table(["", *NAMES.values()], table))


if __name__ == "__main__":
    main()
