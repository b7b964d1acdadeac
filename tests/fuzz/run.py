"""The long fuzz: python tests/fuzz/run.py --minutes 60.

Every target gets the same time. Finds are saved as files, one for each kind, and a table of cases and finds
is printed at the end, after Ctrl-C as well.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from itertools import cycle
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the picture files of tests/imaging

import typer
from campaign import Find, run_slice, save
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from targets import TARGETS

from deraincli.runtime.process import prepare

SLICE_SECONDS = 15.0


def main(
    minutes: Annotated[float, typer.Option(help="How long to run.", min=0)] = 60,
    target: Annotated[list[str] | None, typer.Option(help="Fuzz only this. Give it again for more.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same cases.")] = 0,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for finds.")] = Path("runs/fuzz"),
    shared: Annotated[bool, typer.Option(help="Also damage the pictures in ../shared/data.")] = True,
    file: Annotated[Path | None, typer.Option(help="Check one saved find again. Needs --target.")] = None,
) -> None:
    """Feeds damaged files to every reader of deraincli."""
    prepare()
    names = target or list(TARGETS)
    if unknown := [name for name in names if name not in TARGETS]:
        raise typer.BadParameter(f"unknown target {unknown[0]}: choose from {', '.join(TARGETS)}.")
    if file is not None:
        output.mkdir(parents=True, exist_ok=True)
        TARGETS[names[0]].check(file.read_bytes(), output)
        return
    cases: Counter[str] = Counter()
    finds: dict[str, Counter[str]] = {name: Counter() for name in names}
    try:
        _run(names, minutes * 60, seed, shared, cases, finds, output)
    except KeyboardInterrupt:
        Console(stderr=True).print("Interrupted.")
    Console().print(_table(cases, finds))


def _run(
    names: list[str],
    seconds: float,
    seed: int,
    shared: bool,
    cases: Counter[str],
    finds: dict[str, Counter[str]],
    output: Path,
) -> None:
    began = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    # Without the thread that draws: a fork takes no threads along, but it does take their locks.
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as progress:
        bar = progress.add_task("", total=seconds)
        for name in cycle(names):
            left = seconds - (time.monotonic() - began)
            if left <= 0:
                break
            done = run_slice(name, seed, cases[name], min(SLICE_SECONDS, left), shared=shared)
            cases[name] = done.following
            for find in done.finds:
                _keep(find, finds[name], output, seed, shared)
            description = f"{cases.total():,} cases, {sum(map(len, finds.values()))} kinds of finds, {name}"
            progress.update(bar, completed=seconds - left, description=description, refresh=True)


def _keep(find: Find, known: Counter[str], output: Path, seed: int, shared: bool) -> None:
    if not known[find.kind]:
        saved = save(find, output, seed, shared=shared)
        Console(stderr=True).print(f"{saved}: {find.kind}", markup=False, highlight=False)
    known[find.kind] += 1


def _table(cases: Counter[str], finds: dict[str, Counter[str]]) -> Table:
    table = Table("target", "cases", "finds", "kinds", title="Fuzzing")
    for name, kinds in finds.items():
        table.add_row(name, f"{cases[name]:,}", f"{kinds.total():,}", str(len(kinds)))
    kinds = sum(len(found) for found in finds.values())
    table.add_row("all", f"{cases.total():,}", f"{sum(f.total() for f in finds.values()):,}", str(kinds))
    return table


if __name__ == "__main__":
    typer.run(main)
