"""`derain attn`: the attention maps of a picture, or of all in a folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from deraincli.cli import options, output
from deraincli.cli.output import Output
from deraincli.errors import DerainError, ExitCode, InputError

if TYPE_CHECKING:
    from deraincli.attention.figure import FigureFormat
    from deraincli.attention.files import Wanted
    from deraincli.attention.jobs import Jobs
    from deraincli.attention.scores import Scores
    from deraincli.derainer import Derainer

NUMBERS = {"auc": "AUC", "iou": "IoU", "precision": "precision", "recall": "recall"}
"""Of either map: the fields of a MapScore and their headings in the table."""


class _Look(NamedTuple):
    """What came out for one picture."""

    name: str
    record: dict[str, Any]
    """The rest of its JSON record."""
    scores: Scores | None
    """None without ground truth."""
    mirror_gap: float


def command(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A picture, or a folder of pictures.")],
    destination: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder to write to. Default: beside the picture; for a folder, FOLDER-attn beside it.",
        ),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(
            metavar="CLEAN",
            help="The picture without rain, or the folder of them: scores the maps. "
            "A folder that holds a paired set needs none.",
        ),
    ] = None,
    alpha: Annotated[float, typer.Option(min=0, max=1, help="Weight of the heat map in overlays.")] = 0.5,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="A map above it claims the pixel, in mask and scores.")
    ] = 0.5,
    figure: Annotated[
        Literal["png", "pdf", "svg", "none"] | None,
        typer.Option(help="Format of the figure. Default: png where Matplotlib is installed."),
    ] = None,
    levels: Annotated[
        bool, typer.Option("--levels", help="Show the maps as they enter each encoder level, too.")
    ] = False,
    rain: Annotated[
        bool, typer.Option("--rain", help="Show the rain layer, input − output, stretched, too.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing outputs.")] = False,
    model: options.Model = None,
    task: options.Task = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = "eager",
    tile: options.Tile = "auto",
    overlap: options.Overlap = "auto",
    max_pixels: options.MaxPixels = 178_000_000,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    json: options.Json = False,
) -> None:
    """Show what a model takes for rain and for clean: derain attn in.jpg -o maps"""
    from deraincli.attention.files import Wanted, check_destinations
    from deraincli.attention.jobs import find_jobs
    from deraincli.derainer import load

    out = options.make_output(quiet, verbose, json)
    tiling = options.tile_choice(tile), options.overlap_choice(overlap)
    wanted = Wanted(alpha, threshold, _figure_format(figure, out), levels, rain)
    jobs = find_jobs(source, target)
    if jobs.unpaired:
        out.note(f"{len(jobs.unpaired)} pictures have no partner and are left out.")
    folder = destination or _default_folder(source)
    check_destinations(folder, jobs.pictures, wanted, overwrite=overwrite)
    derainer = load(
        model,
        task=task,
        device=device,
        precision=precision,
        backend=backend,
        tile=tiling[0],
        overlap=tiling[1],
    )
    for note in derainer.notes:
        out.note(note)
    out.detail(f"{derainer.name} on {derainer.device} in {derainer.precision}")

    looks = []
    for name, picture in jobs.pictures.items():
        record = {"source": str(picture), "output": str(folder), "status": "failed", "error": None}
        try:
            look = _look(derainer, name, jobs, folder, wanted, max_pixels, overwrite, out)
        except DerainError as error:
            if json:
                out.result(record | {"error": str(error)}, "")
            if len(jobs.pictures) == 1 or not isinstance(error, InputError):
                raise
            output.error(str(error))
        else:
            looks.append(look)
            line = "{source} → {output}  {width}×{height}, {seconds:.2f} s, |RAM + CAM − 1| {mirror_gap:.3f}"
            record |= look.record
            out.result(record, line.format_map(record))
    _summarise(source, looks, len(jobs.pictures), out)
    if len(looks) < len(jobs.pictures):
        raise typer.Exit(ExitCode.SOME_FAILED)


def _default_folder(source: Path) -> Path:
    """Beside a picture; for a folder, another one beside it, so that no result is taken for a picture."""
    if source.is_file():
        return source.parent
    folder = source.resolve()
    return folder.with_name(f"{folder.name}-attn")


def _figure_format(asked: Literal["png", "pdf", "svg", "none"] | None, out: Output) -> FigureFormat | None:
    from deraincli.attention.figure import INSTALL, can_draw, require_matplotlib

    if asked == "none":
        return None
    if asked is None and not can_draw():
        out.note(f"There will be no figure, which needs Matplotlib: {INSTALL}")
        return None
    require_matplotlib()
    return asked or "png"


def _look(
    derainer: Derainer,
    name: str,
    jobs: Jobs,
    folder: Path,
    wanted: Wanted,
    max_pixels: int,
    overwrite: bool,
    out: Output,
) -> _Look:
    """Restores one picture, writes its files and scores its maps."""
    from deraincli.attention.files import inspect_file, write_files
    from deraincli.attention.scores import mirror_gap, score_maps
    from deraincli.data.pairs import read_pair

    begin = time.perf_counter()
    pair = jobs.pairs.get(name)
    sides = read_pair(pair, max_pixels=max_pixels) if pair else None
    with out.progress(name) as meter:
        inspected = inspect_file(
            derainer,
            jobs.pictures[name],
            levels=wanted.levels,
            max_pixels=max_pixels,
            on_progress=meter,
            on_note=out.note,
        )
    files = write_files(inspected, folder, name, wanted, overwrite=overwrite)
    scores = score_maps(inspected.ram, inspected.cam, *sides, threshold=wanted.threshold) if sides else None
    gap = mirror_gap(inspected.ram, inspected.cam)
    height, width = inspected.ram.shape
    record = {
        "status": "done",
        "width": width,
        "height": height,
        "seconds": round(time.perf_counter() - begin, 4),
        "model": derainer.name,
        "device": derainer.device,
        "precision": derainer.precision,
        "tile": str(inspected.tile),
        "files": [str(file) for file in files],
        "mirror_gap": gap,
    }
    return _Look(name, record | (scores.record() if scores else {}), scores, gap)


def _summarise(source: Path, looks: Sequence[_Look], count: int, out: Output) -> None:
    """Means over several pictures, the scores as a table, and what failed; InputError if all did."""
    from deraincli.attention.scores import mean_scores

    if not looks:
        raise InputError(f"None of the {count} pictures could be looked at: see the reasons above.")
    if len(looks) < count:
        output.error(f"{count - len(looks)} of {count} pictures failed.")
    scored = [(look.name, look.scores, look.mirror_gap) for look in looks if look.scores is not None]
    mean = mean_scores([scores for _, scores, _ in scored]) if scored else None
    gap = fmean(look.mirror_gap for look in looks)
    if out.json and count > 1:
        means = mean.record() if mean else {}
        out.result({"source": str(source), "count": len(looks), "mirror_gap": gap, **means}, "")
    elif mean and not out.json and not out.quiet:
        rows = [*scored, (f"mean of {len(scored)}", mean, gap)] if count > 1 else scored
        columns = ("picture", "map", *NUMBERS.values(), "|RAM+CAM−1|")
        out.table(f"Attention maps of {source}", columns, [cells for row in rows for cells in _cells(*row)])


def _cells(name: str, scores: Scores, gap: float) -> Iterator[list[str]]:
    """Two rows of the table."""
    for map_name, score in (("RAM", scores.ram), ("CAM", scores.cam)):
        numbers = (getattr(score, number) for number in NUMBERS)
        shown = ("" if value is None else f"{value:.3f}" for value in numbers)
        yield [name, map_name, *shown, f"{gap:.3f}"]
