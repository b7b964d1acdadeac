"""`derain attn` shows the attention maps of a picture or of all pictures in a folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from deraincli.cli import options, output
from deraincli.cli.help import IN_OUT, MAPS, examples
from deraincli.cli.left_out import note_other_kinds
from deraincli.cli.output import Output
from deraincli.cli.result_line import files_and_size, how_restored
from deraincli.errors import DerainError, ExitCode, InputError, OutputError, UsageError
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.runtime.installation import install_command

if TYPE_CHECKING:
    from deraincli.attention_maps.figure import FigureFormat
    from deraincli.attention_maps.inputs import Jobs
    from deraincli.attention_maps.outputs import MapFolder, Wanted
    from deraincli.attention_maps.scores import MapScores
    from deraincli.restoration.derainer import Derainer
    from deraincli.restoration.load import LoadOptions

EXAMPLES = examples(
    "derain attn photo.jpg -o maps",
    "derain attn Rain100L -o maps --levels",
    "derain attn photo.jpg -o maps --html",
)


NUMBERS = {"auc": "AUC", "iou": "IoU", "precision": "precision", "recall": "recall"}
"""Fields of a MapScore and their headings in the table."""


class _Request(NamedTuple):
    """What the command line asks for, with the files that were found."""

    source: Path
    jobs: Jobs
    results: MapFolder
    wanted: Wanted
    max_pixels: int
    out: Output


class _Inspected(NamedTuple):
    """The result for one picture."""

    name: str
    """Name of the picture."""
    record: dict[str, Any]
    """JSON record of the picture, apart from source and output."""
    scores: MapScores | None
    """Scores of the maps, None without ground truth."""
    complementarity_gap: float
    """Mean |RAM + CAM − 1|, 0–1."""


def command(
    source: Annotated[
        Path,
        typer.Argument(metavar="IN", help="A photo, or a folder with its sub-folders.", parser=options.path),
    ],
    destination: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            parser=options.folder,
            rich_help_panel=IN_OUT,
            help="Folder for the maps. Default: that of the photo, or FOLDER-attn beside FOLDER.",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            rich_help_panel=IN_OUT,
            help="Replace existing outputs. Otherwise, finished images of a folder are skipped.",
        ),
    ] = False,
    target: Annotated[
        Path | None,
        typer.Option(
            metavar="CLEAN",
            rich_help_panel=IN_OUT,
            help="The photo without rain, or a folder of such photos, to score the maps. "
            "A paired set needs none.",
            parser=options.path,
        ),
    ] = None,
    figure: Annotated[
        Literal["png", "pdf", "svg", "none"] | None,
        typer.Option(
            rich_help_panel=MAPS, help="Format of the figure. Default: png if Matplotlib is installed."
        ),
    ] = None,
    alpha: Annotated[
        float,
        typer.Option(metavar="N", rich_help_panel=MAPS, help="Weight of the heat map in overlays, 0 to 1."),
    ] = 0.5,
    threshold: Annotated[
        float,
        typer.Option(
            metavar="N",
            rich_help_panel=MAPS,
            help="Value, 0 to 1, above which a pixel counts as rain in the mask and the scores.",
        ),
    ] = 0.5,
    levels: Annotated[
        bool, typer.Option("--levels", rich_help_panel=MAPS, help="Also show the maps at each encoder level.")
    ] = False,
    rain: Annotated[
        bool,
        typer.Option(
            "--rain", rich_help_panel=MAPS, help="Also show what was removed, with stretched contrast."
        ),
    ] = False,
    page: Annotated[
        bool,
        typer.Option(
            "--html",
            rich_help_panel=MAPS,
            help="Also write a page to compare both maps at every encoder level with a slider.",
        ),
    ] = False,
    task: options.Task = "auto",
    model: options.Model = None,
    working_side: options.WorkingSide = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = None,
    tile: options.Tile = "auto",
    overlap: options.Overlap = "auto",
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    json: options.Json = False,
) -> None:
    """Show which regions a model considers to be rain."""
    from deraincli.attention_maps.inputs import find_jobs
    from deraincli.attention_maps.outputs import MapFolder, Wanted
    from deraincli.model_zoo.resolve import resolve_model
    from deraincli.restoration.identity import results_identity

    out = options.make_output(quiet, verbose, json)
    asked = options.load_options(model, task, device, precision, backend, tile, overlap, working_side)
    _refuse_what_has_no_maps(asked, levels, page)
    found = resolve_model(model, task)
    wanted = Wanted(alpha, threshold, _figure_format(figure, out), levels, rain, page)
    folder = destination or _default_folder(source)
    jobs = find_jobs(source, target, folder)
    _report_what_is_left_out(jobs, out)
    settings = None
    if source.is_dir():
        settings = results_identity(found, asked, wanted.alpha, wanted.threshold)
    results = MapFolder(folder, wanted, settings, overwrite=overwrite)
    request = _Request(source, jobs, results, wanted, max_pixels, out)
    waiting, failed = _waiting(request)
    inspected: list[_Inspected] = []
    if waiting:
        derainer = options.open_model(asked, out, found)
        with out.resumable() if source.is_dir() else nullcontext():  # one picture is all or nothing
            inspected = [one for name in waiting if (one := _inspect(derainer, name, request))]
    failed += len(waiting) - len(inspected)
    _summarise(source, len(jobs.pictures), inspected, failed, threshold, out)
    if failed or jobs.unlisted:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _refuse_what_has_no_maps(asked: LoadOptions, levels: bool, page: bool) -> None:
    """Raises UsageError for what has no such maps before a model is loaded."""
    from deraincli.inference.backends.registry import EXPORT_BACKENDS
    from deraincli.model_zoo.resolve import find_classical_method
    from deraincli.restoration.backend_choice import choose_backend

    for option, given in (("--levels", levels), ("--html", page)):
        if given and choose_backend(asked.backend, asked.model, asked.device) in EXPORT_BACKENDS:
            raise UsageError(f"{option} needs PyTorch: use --backend eager, or leave {option} out.")
    if find_classical_method(asked.model):
        raise UsageError(
            f"'{asked.model}' is a classical method and has no attention maps: "
            "choose a BAL-Net or AGAN with --model."
        )


def _report_what_is_left_out(jobs: Jobs, out: Output) -> None:
    for error in jobs.unlisted:
        output.error(str(error))
    if jobs.unpaired:
        out.note(f"{len(jobs.unpaired)} pictures have no partner and are left out.")
    note_other_kinds(jobs.unsupported, out, videos="extract the frames of videos")
    if jobs.links:
        out.note(f"{jobs.links} symbolic links to folders, or out of the folder given, were not followed.")
    if jobs.results:
        out.note(f"{jobs.results} files that an earlier run wrote are not pictures to inspect.")


def _waiting(request: _Request) -> tuple[list[str], int]:
    """Finds the pictures to inspect and reports the others.

    Args:
        request: What the command line asks for.

    Returns:
        Names of the pictures that are not done yet, and the number of those whose results exist already but
        are not ours to replace.

    Raises:
        OutputError: The folder cannot be written, or the results of the only picture exist already.
    """
    jobs, results, out = request.jobs, request.results, request.out
    results.check()
    waiting, skipped, failed = [], 0, 0
    for name, picture in jobs.pictures.items():
        if results.is_done(name, picture):
            skipped += 1
            _report(request, picture, {"status": "skipped"})
            continue
        try:
            results.check_files(name, picture)
        except OutputError as error:
            _report(request, picture, {"error": str(error)})
            if len(jobs.pictures) == 1:
                raise
            output.error(str(error))
            failed += 1
        else:
            waiting.append(name)
    if skipped:
        these = f"{skipped} of {len(jobs.pictures)} pictures are skipped"
        out.note(f"{these}, as they are done: --overwrite makes them anew.")
    return waiting, failed


def _inspect(derainer: Derainer, name: str, request: _Request) -> _Inspected | None:
    """Inspects and reports one picture. Returns None if it is one of several and cannot be read."""
    picture = request.jobs.pictures[name]
    try:
        inspected = _write_and_score(derainer, name, request)
    except DerainError as error:
        _report(request, picture, {"error": str(error)})
        if len(request.jobs.pictures) == 1 or not isinstance(error, InputError):
            raise
        output.error(str(error))
        return None
    _report(request, picture, inspected.record, f"{name}.*")
    return inspected


def _report(request: _Request, picture: Path, result: dict[str, Any], files: str = "") -> None:
    """Prints the JSON record of one picture, or a line with the pattern of its `files` if it was restored."""
    record = {
        "source": str(picture),
        "output": str(request.results.folder),
        "status": "failed",
        "error": None,
        **result,
    }
    if record["status"] == "done":
        written = record | {"output": request.results.folder / files}
        line = f"{files_and_size(written)}, {record['seconds']:.2f} s, {how_restored(record)}"
        request.out.result(record, f"{line}, |RAM + CAM − 1| {record['complementarity_gap']:.3f}")
    elif request.out.json:
        request.out.result(record, "")


def _default_folder(source: Path) -> Path:
    """Returns the folder of a picture, or a folder beside a folder, where no result is taken for an input."""
    if source.is_file():
        return source.parent
    folder = source.resolve()
    if not folder.name:
        raise UsageError(f"There is no place beside '{folder}': choose the folder for the maps with -o.")
    return folder.with_name(f"{folder.name}-attn")


def _figure_format(asked: Literal["png", "pdf", "svg", "none"] | None, out: Output) -> FigureFormat | None:
    from deraincli.attention_maps.figure import can_draw, require_matplotlib

    if asked == "none":
        return None
    if asked is None and not can_draw():
        out.note(f"There will be no figure, which needs Matplotlib: {install_command('figures')}")
        return None
    require_matplotlib()
    return asked or "png"


def _write_and_score(derainer: Derainer, name: str, request: _Request) -> _Inspected:
    """Restores one picture, writes its files and scores its maps."""
    from deraincli.attention_maps.outputs import inspect_file
    from deraincli.attention_maps.scores import complementarity_gap, score_maps
    from deraincli.datasets.pairs import read_pair

    jobs, wanted, out = request.jobs, request.wanted, request.out

    def note(sentence: str) -> None:
        out.note(sentence if len(jobs.pictures) == 1 else f"{name}: {sentence}")

    begin = time.perf_counter()
    pair = jobs.pairs.get(name)
    sides = read_pair(pair, max_pixels=request.max_pixels) if pair else None
    with out.progress(name) as meter:
        inspected = inspect_file(
            derainer,
            jobs.pictures[name],
            levels=wanted.levels or (wanted.page and bool(derainer.level_strides)),
            max_pixels=request.max_pixels,
            on_progress=meter,
            on_note=note,
        )
    files = request.results.write(inspected, name, jobs.pictures[name])
    scores = score_maps(inspected.ram, inspected.cam, *sides, threshold=wanted.threshold) if sides else None
    gap = complementarity_gap(inspected.ram, inspected.cam)
    height, width = inspected.ram.shape
    record = {
        "status": "done",
        "width": width,
        "height": height,
        "seconds": round(time.perf_counter() - begin, 4),
        "model": inspected.model,
        "device": derainer.device,
        "precision": derainer.precision,
        "tile": str(inspected.tile),
        "files": [str(file) for file in files],
        "threshold": wanted.threshold,
        "complementarity_gap": gap,
    }
    return _Inspected(name, record | (scores.record() if scores else {}), scores, gap)


def _summarise(
    source: Path, count: int, results: Sequence[_Inspected], failed: int, threshold: float, out: Output
) -> None:
    """Prints means over several pictures, a table of scores, and how many of `count` pictures failed.

    Raises InputError if all of them failed.
    """
    from deraincli.attention_maps.scores import mean_scores

    if failed == count:
        raise InputError(f"None of the {count} pictures could be inspected: see the reasons above.")
    if failed:
        output.error(f"{failed} of {count} pictures failed.")
    if not results:
        return
    scored = [(one.name, one.scores, one.complementarity_gap) for one in results if one.scores is not None]
    mean = mean_scores([scores for _, scores, _ in scored]) if scored else None
    gap = fmean(one.complementarity_gap for one in results)
    if out.json and count > 1:
        record = {"source": str(source), "count": len(results), "threshold": threshold}
        out.result(record | {"complementarity_gap": gap} | (mean.record() if mean else {}), "")
    elif mean and not out.json and not out.quiet:
        rows = [*scored, (f"mean of {len(scored)}", mean, gap)] if count > 1 else scored
        columns = ("picture", "map", *NUMBERS.values(), "|RAM+CAM−1|")
        title = f"Attention maps of {source}, threshold {threshold:g}"
        out.table(title, columns, [cells for row in rows for cells in _cells(*row)])


def _cells(name: str, scores: MapScores, gap: float) -> Iterator[list[str]]:
    """Yields the two rows of a picture in the table."""
    for map_name, score in (("RAM", scores.ram), ("CAM", scores.cam)):
        numbers = (getattr(score, number) for number in NUMBERS)
        shown = ("" if value is None else f"{value:.3f}" for value in numbers)
        yield [name, map_name, *shown, f"{gap:.3f}"]
