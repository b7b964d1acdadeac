"""`derain batch`: many pictures, unattended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deraincli.cli import options, output
from deraincli.cli.output import BatchProgress, Output
from deraincli.errors import ExitCode, ModelError, OutputError, UsageError
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from deraincli.batch.jobs import BatchRequest, Found
    from deraincli.batch.outcome import Outcome, RestoreSettings
    from deraincli.batch.run import Engine
    from deraincli.batch.summary import BatchSummary
    from deraincli.files.manifest import Job

NAMED_FAILURES = 20
"""So many failures are named again at the end."""


def command(
    inputs: Annotated[
        list[str], typer.Argument(metavar="IN...", help="Folders (with their sub-folders), pictures, globs.")
    ],
    destination: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder for the results; sub-folders are mirrored. Default: FOLDER-derained beside FOLDER, "
            "and NAME.derained.SUFFIX beside a picture that is named itself.",
        ),
    ] = None,
    suffix: Annotated[
        str, typer.Option(metavar="TEXT", help="Added to every name, as in --suffix .derained.")
    ] = "",
    format: Annotated[
        str | None,
        typer.Option(
            help="Format of the results: jpeg, png, webp, tiff, bmp, avif. Default: as the picture."
        ),
    ] = None,
    quality: Annotated[
        int | None, typer.Option(min=1, max=100, help="Of JPEG (default 95), WebP (95) and AVIF (90).")
    ] = None,
    metadata: Annotated[
        Literal["keep", "strip"], typer.Option(help="strip drops EXIF and XMP; colour profiles always stay.")
    ] = "keep",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Restore everything anew and replace what is there.")
    ] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failure.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Then wait for pictures to come, until Ctrl-C.")
    ] = False,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Only the I-th of N parts: the same ones in every run.")
    ] = None,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="Where to work: this machine, or a Ray cluster.")
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(envvar="DERAIN_RAY_ADDRESS", help="Of the cluster. Default: Ray is started here."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Pictures in memory at once. Default: 3 for each device and 1. With ray: workers.",
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a page: failures, counts, some pictures.")
    ] = None,
    model: options.Model = None,
    task: options.Task = "auto",
    device: Annotated[
        str,
        typer.Option(
            metavar="auto|cpu|cuda[:N]|mps,...",
            envvar="DERAIN_DEVICE",
            help="Where to compute; several, such as cuda:0,cuda:1, work side by side.",
        ),
    ] = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = "eager",
    tile: options.Tile = "auto",
    overlap: options.Overlap = "auto",
    working_side: options.WorkingSide = "auto",
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    json: options.Json = False,
) -> None:
    """Take the rain out of all pictures of a folder: derain batch photos"""
    from deraincli.batch.jobs import BatchRequest, Naming
    from deraincli.batch.outcome import RestoreSettings
    from deraincli.batch.report import BatchReport
    from deraincli.batch.run import tidy
    from deraincli.batch.shards import Shard
    from deraincli.batch.summary import BatchSummary
    from deraincli.imaging.formats import format_named

    out = options.make_output(quiet, verbose, json)
    named = None if format is None else format_named(format)
    request = BatchRequest(
        tuple(inputs), Naming(destination, suffix, named), Shard.parse(shard) if shard else None
    )
    if watch and engine == "ray":
        raise UsageError("--watch works on this machine alone: leave out --engine ray.")
    network = options.network(task, device, precision, backend, tile, overlap, working_side) | {
        "model": model
    }
    del network["device"]  # each worker has its own
    settings = RestoreSettings(
        network, _digest(model, task), named, quality, metadata == "keep", max_pixels, overwrite
    )
    page = None if report is None else BatchReport(report, request.inputs, settings)
    found = _find(request, settings, out)
    if fail_fast and found.unlisted:
        out.note("Stopped at the first failure, as --fail-fast asks.")
        raise typer.Exit(ExitCode.SOME_FAILED)
    mine = request.share(found.jobs)
    tidy(mine)
    summary, total = BatchSummary(found.unlisted), None if watch else len(mine)

    def write_page() -> None:
        if page is not None:
            page.write(summary, total or summary.count)

    try:
        with BatchProgress(out, total) as progress:
            run = _engine(engine, settings, device.split(","), jobs, ray_address, progress)
            outcomes = (
                _watched(request, settings, run, out, write_page) if watch else _once(mine, settings, run)
            )
            _follow(outcomes, summary, progress, out, fail_fast=fail_fast)
    except KeyboardInterrupt:
        if not watch:
            out.note("What is finished is kept: the same command goes on from there.")
            raise
    finally:
        if summary.count or summary.unlisted:
            _conclude(summary, total or summary.count, mine, out)
        write_page()
    if summary.failures:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _digest(model: str | None, task: str) -> str:
    """Of the model's files."""
    from deraincli.model_zoo.resolve import model_files
    from deraincli.models.header import sha256

    files = model_files(model, task)
    for path in files:
        if not path.is_file():
            raise ModelError(f"There is no model file {path}.")
    return " ".join(sha256(path) for path in files)


def _find(request: BatchRequest, settings: RestoreSettings, out: Output) -> Found:
    """Finds the jobs, refuses collisions, and reports what is left out."""
    from deraincli.batch.jobs import refuse_collisions

    found = request.find()
    refuse_collisions(found.jobs, overwrite=settings.overwrite)
    if found.links:
        out.note(f"{found.links} symbolic links to folders, or out of the folder given, were not followed.")
    if found.results:
        out.note(f"{found.results} files that were written by derain batch are no pictures to restore again.")
    for error in found.unlisted.values():
        output.error(str(error))
    if not found.jobs:
        out.note(f"There are no pictures to restore in {', '.join(request.inputs)}: nothing to do.")
    elif not request.share(found.jobs):
        out.note(f"None of the {len(found.jobs)} pictures falls to this shard: nothing to do.")
    return found


def _engine(
    name: str,
    settings: RestoreSettings,
    devices: Sequence[str],
    jobs: int | None,
    ray_address: str | None,
    progress: BatchProgress,
) -> Engine:
    if name == "local":
        from deraincli.batch.local_engine import LocalEngine

        return LocalEngine(settings, devices, jobs, progress.start)
    from deraincli.batch.ray_engine import RayEngine

    if len(devices) > 1:
        raise UsageError(
            "With --engine ray, Ray hands out the GPUs: leave --device at auto, or set it to cpu."
        )
    return RayEngine(settings, devices[0], jobs, ray_address)


def _once(jobs: Sequence[Job], settings: RestoreSettings, run: Engine) -> Iterator[Outcome]:
    from deraincli.batch.run import run_batch

    return run_batch(jobs, settings, run)


def _watched(
    request: BatchRequest, settings: RestoreSettings, run: Engine, out: Output, on_calm: Callable[[], None]
) -> Iterator[Outcome]:
    from deraincli.batch.watch import watch

    folders = [Path(given) for given in request.inputs]
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"--watch takes folders, and '{folder}' is none: name the folder to watch.")
    out.line(f"Watching {', '.join(request.inputs)}; Ctrl-C ends it.")
    return watch(lambda: request.share(request.find().jobs), folders, settings, run, on_calm)


def _follow(
    outcomes: Iterator[Outcome],
    summary: BatchSummary,
    progress: BatchProgress,
    out: Output,
    *,
    fail_fast: bool,
) -> None:
    """Tells and counts the outcomes. Raises OutputError when the disk gives up."""
    with closing(outcomes):  # type: ignore[type-var]
        for outcome in outcomes:
            summary.add(outcome)
            progress.advance(summary)
            _tell(outcome, out)
            if outcome.fatal:
                raise OutputError(
                    "Nothing more can be written there: make room, then the same command goes on."
                )
            if outcome.error and fail_fast:
                out.note("Stopped at the first failure, as --fail-fast asks.")
                return


def _tell(outcome: Outcome, out: Output) -> None:
    for note in outcome.notes:
        out.note(note)
    if outcome.error:
        source = str(outcome.job.source)
        output.error(outcome.error if source in outcome.error else f"{source}: {outcome.error}")
    if out.json:
        out.result(outcome.record(), "")
    elif outcome.status == "done":
        line = "{source} → {output}  {width}×{height}, {seconds:.2f} s, {model} on {device} in {precision}"
        out.detail(line.format_map(outcome.record()))


def _conclude(summary: BatchSummary, total: int, jobs: Sequence[Job], out: Output) -> None:
    from deraincli.batch.summary import COLUMNS

    if out.json or out.quiet:
        return
    roots = ", ".join(str(root) for root in dict.fromkeys(job.root for job in jobs))
    out.table(f"Results in {roots}" if roots else "Results", COLUMNS, [summary.row(total)])
    if failures := summary.failures:
        named = failures[:NAMED_FAILURES]
        more = len(failures) - len(named)
        title = f"Failed: {len(named)}" + (f" and {more} more" if more else "")
        out.table(title, ("picture or folder", "reason"), named)
    if total and summary.skipped == total:
        out.note("Nothing to do: all of them are done already; --overwrite restores them anew.")
