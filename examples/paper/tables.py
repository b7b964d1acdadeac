"""Makes the measured tables of the README and the docs again, each by one command, and writes them back.

    python examples/paper/tables.py                     # lists the tables
    python examples/paper/tables.py networks            # measures one and writes it into its page
    python examples/paper/tables.py scores --data DATA  # DATA has the benchmark images

The benchmark images are not distributed. A table stands in its page below the marker `<!-- table: NAME -->`.
The commands print tables in Markdown. A result of another shape (other headings, rows or kinds of numbers) is
printed and not written, because the text around the table describes the old shape. Note the machine in the
page after a measurement.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Table:
    """A table of a page, and the script that measures it."""

    page: str
    """The page, relative to the repository."""
    script: tuple[str, ...]
    """Script, relative to the repository, and its arguments. {data} is the folder of the benchmark images."""


TABLES = {
    "scores": Table("README.md", ("examples/paper/scores.py", "{data}")),
    "speed": Table("README.md", ("examples/paper/speed.py", "--short")),
    "all-speeds": Table("docs/performance.md", ("examples/paper/speed.py",)),
    "networks": Table("docs/models-and-hub.md", ("examples/paper/networks.py",)),
    "classical": Table("docs/models-and-hub.md", ("examples/paper/classical.py", "{data}/test/rain12")),
    "peers": Table(
        "docs/performance.md", ("examples/peers/compare.py", "{data}/valid/rain100l_20", "--minutes", "30")
    ),
    "ablations": Table(
        "docs/training.md",
        (
            *("examples/ablations/run.py", "--minutes", "15", "--seeds", "2", "--data", "{data}"),
            *("--recipes", "bi", "ram", "cam", "no-se", "pix2pix"),
        ),
    ),
    "working-side": Table(
        "docs/large-photos.md", ("tests/performance/working_side.py", "{data}/valid/rain100l_20")
    ),
    "flicker": Table("docs/video.md", ("tests/performance/flicker.py",)),
}


def first_table(text: str) -> str:
    """Returns the first Markdown table of a text, without its last newline."""
    found = re.search(r"(^\|.*\n?)+", text, re.MULTILINE)
    if found is None:
        raise SystemExit("There is no table in the output.")
    return found[0].rstrip("\n")


def table_of(page: str, name: str) -> str:
    """Returns the table that stands in the text of a page below the marker of this name."""
    _, marker, rest = page.partition(f"<!-- table: {name} -->\n")
    if not marker:
        raise SystemExit(f"There is no marker of the table {name}.")
    return first_table(rest)


def shape(table: str) -> list[list[str]]:
    """Returns the headings and the cells, with a # for every number except in the first column."""
    rows = [[cell.replace("**", "").strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    headings, _, *body = rows
    number = re.compile(r"[-+]?\d+([.,]\d+)*")
    return [
        [number.sub("#", heading) for heading in headings],
        *([label, *(number.sub("#", cell) for cell in cells)] for label, *cells in body),
    ]


def write_back(page: str, name: str, measured: str) -> str:
    """Returns the text of a page with a new table.

    Raises:
        SystemExit: The new table has another shape.
    """
    old = table_of(page, name)
    if shape(old) != shape(measured):
        raise SystemExit(f"{measured}\nThis has another shape than the page, so it was not written:\n{old}")
    return page.replace(old, measured)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="?", choices=TABLES, help="the table to measure; none lists all")
    parser.add_argument("--data", type=Path, default=DATA, help=f"benchmark images (default: {DATA})")
    chosen = parser.parse_args()
    if chosen.name is None:
        for name, table in TABLES.items():
            print(f"{name:14}{table.page:25}python {' '.join(table.script)}")
        return
    table = TABLES[chosen.name]
    command = [sys.executable, *(word.format(data=chosen.data) for word in table.script)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    page = ROOT / table.page
    page.write_text(
        write_back(page.read_text("utf-8"), chosen.name, first_table(done.stdout)), encoding="utf-8"
    )
    print(f"{chosen.name} was written into {table.page}")


if __name__ == "__main__":
    main()
