"""`derain synth` makes pairs of rainy and clean pictures from clean photos."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from deraincli.cli import options, output
from deraincli.cli.help import IN_OUT, MESSAGES, RAIN, examples
from deraincli.cli.output import Output
from deraincli.cli.result_line import files_and_size
from deraincli.errors import ExitCode, InputError

if TYPE_CHECKING:
    from deraincli.datasets.synthetic import PlannedPair, SynthesisRequest

EXAMPLES = examples(
    "derain synth photos -o pairs",
    "derain synth photos -o pairs --kind both --copies 4 --heavy",
)


def command(
    source: Annotated[
        Path, typer.Argument(metavar="CLEAN", help="A clean photo, or a folder of them.", parser=options.path)
    ],
    destination: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            rich_help_panel=IN_OUT,
            help="Folder for input/, target/ and mask/.",
            parser=options.folder,
        ),
    ],
    overwrite: options.Overwrite = False,
    copies: Annotated[
        int,
        typer.Option(
            "--copies", min=1, metavar="N", rich_help_panel=IN_OUT, help="Pairs made from each photo."
        ),
    ] = 1,
    kind: Annotated[
        Literal["streak", "drop", "both"],
        typer.Option(rich_help_panel=RAIN, help="Falling rain, drops on the lens, or both."),
    ] = "streak",
    heavy: Annotated[
        bool,
        typer.Option(
            "--heavy/--light", rich_help_panel=RAIN, help="Streaks like those of Rain200H, or of Rain100L."
        ),
    ] = False,
    veil: Annotated[
        float, typer.Option(min=0, max=1, metavar="N", rich_help_panel=RAIN, help="Density of mist.")
    ] = 0.0,
    blend: Annotated[
        Literal["add", "screen"],
        typer.Option(rich_help_panel=RAIN, help="How streaks are blended. Public data sets add them."),
    ] = "add",
    seed: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", rich_help_panel=RAIN, help="The same seed gives the same files, to the byte."
        ),
    ] = 0,
    max_pixels: options.MaxPixels = 50_000_000,
    quiet: options.Quiet = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", rich_help_panel=MESSAGES, help="Also print the settings of the rain."
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Make rainy images from clean photos.

    Run the same command again to resume.
    """
    from deraincli.datasets.synthetic import SynthesisRequest, finished, plan
    from deraincli.rain.synthesis import Recipe

    out = options.make_output(quiet, verbose, json)
    request = SynthesisRequest(Recipe(kind, heavy, blend, veil), seed)
    planned_set = plan(source, destination, copies)
    plans = planned_set.pairs
    for error in planned_set.unlisted:
        output.error(str(error))
    done = {planned: finished(planned, request, overwrite=overwrite) for planned in plans}
    there = [planned for planned in plans if done[planned]]
    missing = [planned for planned in plans if not done[planned]]
    for planned in there:
        out.result(_record(planned) | {"status": "skipped"}, f"{planned.files['input']} is there already")
    out.detail(f"{len(missing)} pairs to make: {request}")
    began = time.perf_counter()
    failed = 0
    with out.resumable(), out.progress("making pairs") as meter:
        for number, planned in enumerate(missing, 1):
            failed += not _make(planned, request, max_pixels, overwrite, out)
            meter(number, len(missing), planned.name)
    seconds = time.perf_counter() - began
    before = f", {len(there)} were there already" if there else ""
    out.line(f"Pairs made in {seconds:.1f} s: {len(missing) - failed}{before}; they lie in {destination}")
    if failed:
        _report_failures(failed, len(plans))
    if planned_set.unlisted:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _make(
    planned: PlannedPair, request: SynthesisRequest, max_pixels: int, overwrite: bool, out: Output
) -> bool:
    """Makes a pair and reports it. Returns False if the photo cannot be used."""
    from deraincli.datasets.synthetic import make

    began = time.perf_counter()
    record = _record(planned)
    try:
        (width, height), notes = make(planned, request, max_pixels=max_pixels, overwrite=overwrite)
    except InputError as error:
        output.error(str(error))
        if out.json:
            out.result(record | {"status": "failed", "error": str(error)}, "")
        return False
    for note in notes:
        out.note(f"{planned.name}: {note}")
    seconds = round(time.perf_counter() - began, 4)
    record |= {"status": "done", "width": width, "height": height, "seconds": seconds}
    out.result(record, f"{files_and_size(record)}, {seconds:.2f} s")
    return True


def _record(planned: PlannedPair) -> dict[str, Any]:
    """Returns the part of a pair's JSON record that is known before the pair is made."""
    files = {side: str(path) for side, path in planned.files.items()}
    paths = {"output": files["input"], "target": files["target"], "mask": files["mask"]}
    return {"source": str(planned.photo), **paths, "status": "failed", "error": None}


def _report_failures(failed: int, count: int) -> NoReturn:
    """Raises InputError if nothing could be made, else exits with the code for some failures."""
    if failed == count:
        raise InputError("No pair could be made: see the reasons above.")
    output.error(f"{failed} of {count} pairs could not be made.")
    raise typer.Exit(ExitCode.SOME_FAILED)
