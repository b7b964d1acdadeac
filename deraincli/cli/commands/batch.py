"""`derain batch` restores many pictures unattended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deraincli.cli import options, output
from deraincli.cli.destination import note_lossless
from deraincli.cli.help import IN_OUT, MESSAGES, SPEED, examples
from deraincli.cli.left_out import note_other_kinds
from deraincli.cli.output import BatchProgress, Output
from deraincli.cli.result_line import photo_restored
from deraincli.cli.values import DEVICES, GPU, one_of
from deraincli.errors import ExitCode, OutputError, UsageError
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from deraincli.batch.jobs import BatchRequest, Found
    from deraincli.batch.outcome import Outcome, RestoreSettings
    from deraincli.batch.report import BatchReport
    from deraincli.batch.run import Engine
    from deraincli.batch.summary import BatchSummary
    from deraincli.files.manifest import Job

EXAMPLES = examples(
    "derain batch photos                   # photos/ → photos-derained/",
    "derain batch photos -o results --report page.html",
)
NAMED_PER_NOTE = 5
"""Largest number of photos that are named for one note, without --verbose."""
NAMED_FAILURES = 20
"""Largest number of failures that are listed again at the end."""


def command(
    context: typer.Context,
    inputs: Annotated[
        list[str], typer.Argument(metavar="IN", help="Folders (with their sub-folders), photos, or globs.")
    ],
    destination: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            rich_help_panel=IN_OUT,
            help="Folder for the results. Default: FOLDER-derained beside FOLDER, and NAME.derained.SUFFIX "
            "beside a photo.",
            parser=options.folder,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            rich_help_panel=IN_OUT,
            help="Restore every photo again and replace existing results.",
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            rich_help_panel=IN_OUT,
            help="Write a page with failures, counts and the photos.",
            parser=options.page,
        ),
    ] = None,
    format: options.ImageFormat = None,
    suffix: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            show_default=False,
            rich_help_panel=IN_OUT,
            help="Add this to every name, as in --suffix .derained.",
        ),
    ] = "",
    metadata: options.Metadata = "keep",
    mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            rich_help_panel=IN_OUT,
            help="Restore only where this grey image is white. A folder has one for each photo.",
            parser=options.path,
        ),
    ] = None,
    protect: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            rich_help_panel=IN_OUT,
            help="Leave photos alone where this grey image is white. A folder has one for each photo.",
            parser=options.path,
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", rich_help_panel=IN_OUT, help="Then wait for new photos until Ctrl-C."),
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", rich_help_panel=IN_OUT, help="Stop at the first failure.")
    ] = False,
    task: options.Task = "auto",
    model: options.Model = None,
    strength: options.Strength = 1.0,
    quality: options.Quality = None,
    working_side: options.WorkingSide = "auto",
    ensemble: options.Ensemble = False,
    device: Annotated[
        str,
        typer.Option(
            **one_of(*DEVICES, pattern=GPU, several=True) | {"metavar": "NAME,…"},
            envvar="DERAIN_DEVICE",
            show_default=False,
            show_envvar=False,
            rich_help_panel=SPEED,
            help="Where to compute: auto, cpu, cuda, mps, cuda:N or xpu (an Intel GPU, in OpenVINO). "
            "Several work in parallel.",
        ),
    ] = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = None,
    provider: options.Provider = "auto",
    tile: options.Tile = "auto",
    overlap: options.Overlap = "auto",
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            rich_help_panel=SPEED,
            help="Photos in memory at once, or workers with Ray. Default: one, plus three per device.",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            rich_help_panel=SPEED,
            help="Restore only part I of N, so that several machines can share the work.",
        ),
    ] = None,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(rich_help_panel=SPEED, help="Work on this machine, or on a Ray cluster."),
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            envvar="DERAIN_RAY_ADDRESS",
            show_envvar=False,
            rich_help_panel=SPEED,
            help="Address of the Ray cluster. Default: start Ray here.",
        ),
    ] = None,
    quiet: options.Quiet = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", rich_help_panel=MESSAGES, help="Print a line for every photo that is restored."
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Remove rain from all photos of a folder.

    Run the same command again to resume.
    """
    from deraincli.batch.jobs import BatchRequest, Naming
    from deraincli.batch.masks import check_shared
    from deraincli.batch.outcome import RestoreSettings
    from deraincli.batch.run import run_batch, tidy
    from deraincli.batch.shards import Shard
    from deraincli.batch.summary import BatchSummary
    from deraincli.imaging.formats import format_named
    from deraincli.model_zoo.resolve import resolve_model
    from deraincli.restoration.control import ControlOptions

    out = options.make_output(quiet, verbose, json)
    for given in inputs:
        options.path(given)
    named = None if format is None else format_named(format)
    if named is not None:
        note_lossless(named, quality, out)
    control = ControlOptions(strength, mask, protect)
    check_shared(control, max_pixels=max_pixels)
    request = BatchRequest(
        tuple(inputs),
        Naming(destination, suffix, named),
        Shard.parse(shard) if shard else None,
        control.files,
    )
    if engine == "local" and options.is_typed(context, "ray_address"):
        raise UsageError("--ray-address is for Ray alone: add --engine ray, or leave it out.")
    if watch and engine == "ray":
        raise UsageError("--watch works on this machine alone: leave out --engine ray.")
    asked = options.load_options(
        model, task, "auto", precision, backend, tile, overlap, working_side, provider, ensemble
    )
    settings = RestoreSettings(
        asked, resolve_model(model, task), named, quality, metadata == "keep", max_pixels, overwrite, control
    )
    page = None if report is None else _page(report, destination, request, settings)
    found = _find(request, settings, out, watch=watch)
    if fail_fast and found.unlisted:
        out.note("Stopped at the first failure, as --fail-fast asks.")
        raise typer.Exit(ExitCode.SOME_FAILED)
    mine = request.share(found.jobs)
    tidy(mine)
    summary, total = BatchSummary(found.unlisted), None if watch else len(mine)

    def write_page() -> None:
        if page is not None:
            page.write(summary, total or summary.count)

    progress = BatchProgress(out, total)
    run = _engine(engine, settings, device.split(","), jobs, ray_address, progress)
    outcomes = _watched(request, settings, run, out, write_page) if watch else run_batch(mine, settings, run)
    with _summed_up(summary, total, mine, settings, write_page, out), progress:
        _follow(outcomes, summary, progress, out, fail_fast=fail_fast)
    if report is not None:
        out.line(f"Report: {report}")
    if summary.failures or (found.unsupported and not found.jobs and not watch):
        raise typer.Exit(ExitCode.SOME_FAILED)


def _page(
    file: Path, destination: Path | None, request: BatchRequest, settings: RestoreSettings
) -> BatchReport:
    """Returns the page of --report. Its folder may be that of the results, which is made if need be."""
    from deraincli.batch.report import BatchReport
    from deraincli.files.folders import make_folder

    if destination is not None and file.parent == destination:
        make_folder(destination)
    return BatchReport(file, request.inputs, settings)


def _find(request: BatchRequest, settings: RestoreSettings, out: Output, *, watch: bool) -> Found:
    """Finds the jobs, checks that no two write the same file, and reports what is left out."""
    from deraincli.batch.jobs import refuse_collisions

    found = request.find()
    refuse_collisions(found.jobs, overwrite=settings.overwrite)
    if found.links:
        out.note(f"{found.links} symbolic links to folders, or out of the folder given, were not followed.")
    if found.results:
        out.note(f"Results of derain are not restored again. Left out: {found.results}.")
    note_other_kinds(found.unsupported, out, videos="restore videos by `derain video`")
    for error in found.unlisted.values():
        output.error(str(error))
    if watch:  # there is something to do once a picture comes
        return found
    if not found.jobs:
        out.note(f"There are no pictures to restore in {', '.join(request.inputs)}: nothing to do.")
    elif not request.share(found.jobs):
        out.note(f"None of the {len(found.jobs)} pictures falls to this shard: nothing to do.")
    return found


@contextmanager
def _summed_up(
    summary: BatchSummary,
    total: int | None,
    jobs: Sequence[Job],
    settings: RestoreSettings,
    write_page: Callable[[], None],
    out: Output,
) -> Iterator[None]:
    """Reports what became of the pictures when the block ends, also by an error.

    An error before the first picture leaves the page of an earlier run as it is. Ctrl-C is the usual end of
    --watch, where `total` is None, so that it ends the block like any other end.
    """
    try:
        with suppress(KeyboardInterrupt) if total is None else out.resumable():
            yield
    finally:
        begun = summary.count or summary.unlisted
        if begun:
            _conclude(summary, total or summary.count, jobs, out)
            _advise(summary, settings, out)
        if begun or not total:
            write_page()


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
    """Reports and counts the outcomes. Raises OutputError if the disk accepts nothing more."""
    with closing(outcomes):  # type: ignore[type-var]
        for outcome in outcomes:
            summary.add(outcome)
            progress.advance(summary)
            _report(outcome, summary, out)
            if outcome.fatal:
                raise OutputError(
                    "Nothing more can be written there: make room, then run the same command again."
                )
            if outcome.error and fail_fast:
                out.note("Stopped at the first failure, as --fail-fast asks.")
                return


def _report(outcome: Outcome, summary: BatchSummary, out: Output) -> None:
    for note in outcome.settings_notes:
        out.note(note)
    for note in outcome.notes:
        if out.verbose or summary.notes[note] <= NAMED_PER_NOTE:
            out.note(f"{outcome.job.source}: {note}")
    if outcome.error:
        source = str(outcome.job.source)
        output.error(outcome.error if source in outcome.error else f"{source}: {outcome.error}")
    if out.json:
        out.result(outcome.record(), "")
    elif outcome.status == "done":
        out.detail(photo_restored(outcome.record(), str(outcome.control or "")))


def _conclude(summary: BatchSummary, total: int, jobs: Sequence[Job], out: Output) -> None:
    from deraincli.batch.summary import COLUMNS

    for note, count in summary.notes.items():
        if count > NAMED_PER_NOTE and not out.verbose:
            out.note(f"{count - NAMED_PER_NOTE} more (--verbose names them): {note}")
    if out.json or out.quiet:
        return
    roots = ", ".join(str(root) for root in dict.fromkeys(job.root for job in jobs))
    title = "Results" if summary.done or summary.skipped else "No results"
    where = f" in {roots}" if roots else ""  # --watch may begin without any photo
    out.table(title + where, COLUMNS, [summary.row(total)])
    if failures := summary.failures:
        named = failures[:NAMED_FAILURES]
        more = len(failures) - len(named)
        title = f"Failed: {len(named)}" + (f" and {more} more" if more else "")
        out.table(title, ("picture or folder", "reason"), named)
    if total and summary.skipped == total:
        out.note("Nothing to do: all of them are done already; --overwrite restores them anew.")


def _advise(summary: BatchSummary, settings: RestoreSettings, out: Output) -> None:
    """Reports how many photos changed, and what to try if some hardly did."""
    from deraincli.geometry import Size
    from deraincli.restoration.advice import what_to_try
    from deraincli.restoration.control import WHOLE

    compared, little = len(summary.compared), summary.hardly_changed
    if not compared or out.json:
        return
    changed = f"Changed {compared - len(little)} of {compared} photos"
    if little and settings.control == WHOLE:
        usual, _ = Counter(outcome.model or "" for outcome in little).most_common(1)[0]
        sizes = (Size(outcome.height or 0, outcome.width or 0) for outcome in little)
        largest = max(sizes, key=lambda size: min(size.height, size.width))
        advice = what_to_try(settings.load, usual, largest)
        changed += f"; {len(little)} hardly changed. If rain is left in them, {advice}"
    out.line(f"{changed}.")
