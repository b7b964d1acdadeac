"""`derain data` inspects data sets before training or testing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deraincli.cli import options
from deraincli.cli.help import Command, Group, examples
from deraincli.cli.output import Output
from deraincli.errors import ExitCode

if TYPE_CHECKING:
    from deraincli.evaluation.dataset_summary import Inspection

NAMED = 10
"""Largest number of files of a kind that are named. The others are counted."""

app = typer.Typer(cls=Group, help="Inspect a data set before you train or test on it.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Inspect a data set before you train or test on it."""


@app.command("inspect", cls=Command, epilog=examples("derain data inspect Rain100L"))
def inspect_command(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="A paired set, or a folder of clean photos.", parser=options.path),
    ],
    layout: options.Layout = None,
    left: options.Left = None,
    quiet: options.Quiet = False,
    verbose: options.NoVerbose = False,
    json: options.Json = False,
) -> None:
    """Show layout, number of images, sizes, input PSNR, and what does not pair."""
    from deraincli.datasets.leakage import warning
    from deraincli.evaluation.dataset_summary import inspect

    out = options.make_output(quiet, verbose, json)
    found = inspect(folder, layout, left)
    if json:
        out.result(_record(found), "")
    elif not quiet:
        out.table(str(folder), ("", "found"), _rows(found))
    _print_some([f"'{path}' has no partner" for path in found.unpaired], "pictures have no partner", out)
    _print_some(list(found.skipped), "pairs or photos cannot be used", out)
    said = warning(found.known)
    if said is not None:
        out.note(said)
    if found.skipped:
        raise typer.Exit(ExitCode.SOME_FAILED if found.count else ExitCode.FAILED)


def _record(found: Inspection) -> dict[str, Any]:
    return {
        "dataset": str(found.folder),
        "layout": found.layout,
        "count": found.count,
        "sizes": found.sizes,
        "input_psnr": found.input_psnr,
        "fingerprint": found.fingerprint,
        "unpaired": [str(path) for path in found.unpaired],
        "unusable": list(found.skipped),
        "known_test_pictures": [{"file": str(path), "set": name} for path, name in found.known],
    }


def _rows(found: Inspection) -> list[tuple[str, str]]:
    sizes = [f"{size} ({count})" for size, count in found.sizes.items()]
    more = f" and {len(sizes) - NAMED} other sizes" if len(sizes) > NAMED else ""
    psnr = ", ".join(f"{value:.2f} dB ({name})" for name, value in found.input_psnr.items())
    return [
        ("layout", found.layout or "none: clean photos"),
        ("pairs" if found.layout else "photos", str(found.count)),
        ("sizes", ", ".join(sizes[:NAMED]) + more),
        *([("input PSNR", psnr)] if psnr else []),
        ("fingerprint", found.fingerprint),
        *([("without partner", str(len(found.unpaired)))] if found.layout else []),
        ("unusable", str(len(found.skipped))),
        ("known test pictures", str(len(found.known))),
    ]


def _print_some(sentences: list[str], what: str, out: Output) -> None:
    for sentence in sentences[:NAMED]:
        out.line(sentence)
    if len(sentences) > NAMED:
        out.line(f"{len(sentences)} {what} in all.")
