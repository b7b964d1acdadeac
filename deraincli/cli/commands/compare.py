"""`derain compare` shows the results of several models for one picture side by side."""

from __future__ import annotations

import math
import shlex
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deraincli.cli import options
from deraincli.cli.commands import compare_blind
from deraincli.cli.destination import refuse_same
from deraincli.cli.help import IN_OUT, MODEL, examples
from deraincli.cli.output import Output
from deraincli.cli.values import CLASSICAL_METHODS, PROTOCOLS, listed, one_of, suggest_models
from deraincli.errors import UsageError
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from deraincli.evaluation.comparison import Version
    from deraincli.evaluation.metrics import Protocol
    from deraincli.imaging.image import Image
    from deraincli.model_zoo.resolve import ResolvedModel
    from deraincli.restoration.load import LoadOptions

EXAMPLES = examples(
    "derain compare photo.jpg -o page.html",
    "derain compare photo.jpg -o models.html --models balnet-lite,balnet-small",
    "derain compare photos -o blind.html --blind --models balnet-lite,balnet-small",
)
ANSWERS_SUFFIX = ".json"


def command(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="The rainy photo. With --blind, also a folder, or the answers that a page saved.",
            parser=options.path,
        ),
    ],
    destination: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            parser=options.path,
            rich_help_panel=IN_OUT,
            help="A page (.html), or a contact sheet (.png, .jpg, …). For answers, the result (.json).",
        ),
    ],
    ready: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME=FILE",
            help="Existing results to show. A model then runs only if you name it.",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    blind: Annotated[
        bool,
        typer.Option(
            "--blind",
            rich_help_panel=IN_OUT,
            help="Write a page to judge two hidden versions on, or evaluate its answers.",
        ),
    ] = False,
    target: Annotated[
        Path | None,
        typer.Option(
            metavar="CLEAN",
            rich_help_panel=IN_OUT,
            help="The photo without rain. It is shown, and PSNR and SSIM are computed.",
            parser=options.path,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            **one_of(*PROTOCOLS) | {"metavar": "NAME"},
            rich_help_panel=IN_OUT,
            help=f"With --target, how to compute PSNR and SSIM: {listed(PROTOCOLS)}. Default: prenet.",
        ),
    ] = None,
    task: options.Task = "auto",
    model: options.ModelOrMethod = None,
    models: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            autocompletion=suggest_models(*CLASSICAL_METHODS, several=True),
            rich_help_panel=MODEL,
            help="Several models, separated by commas.",
        ),
    ] = None,
    working_side: options.WorkingSide = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = None,
    provider: options.Provider = "auto",
    tile: options.Tile = "auto",
    overlap: options.Overlap = "auto",
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    json: options.Json = False,
) -> None:
    """Show a photo as several models restore it, side by side."""
    from deraincli.evaluation import metrics
    from deraincli.evaluation.comparison import (
        INPUT,
        TRUTH,
        Version,
        comparison_page,
        comparison_sheet,
        read_version,
        scored,
    )
    from deraincli.files.atomic import check_destination, write_atomically
    from deraincli.imaging.decode import decode

    out = options.make_output(quiet, verbose, json)
    files = [_name_and_file(text) for text in ready or ()]
    refuse_same("--output", destination, [source, target, *(file for _, file in files)])
    _refuse_mismatch(source, destination, blind=blind)
    if _holds(source, ANSWERS_SUFFIX):
        named = options.is_typed(context, "model") or models is not None
        _refuse_with_answers(
            {"NAME=FILE": files, "the models": named, "--target": target, "--protocol": protocol}
        )
        check_destination(destination, overwrite=overwrite)
        compare_blind.write_result(source, destination, out, overwrite=overwrite)
        return
    _refuse_without_truth(target, protocol, blind=blind)
    format = _sheet_format(destination)
    measure = metrics.PROTOCOLS[protocol or "prenet"]
    asked = options.load_options(
        None, task, device, precision, backend, tile, overlap, working_side, provider
    )
    found = _labelled(options.model_names(context, model, models, optional=bool(ready)), task)
    _refuse_namesakes([INPUT, *found, *(name for name, _ in files), TRUTH])
    check_destination(destination, overwrite=overwrite)
    if blind:
        compare_blind.write_page(
            source, destination, found, files, asked, out, max_pixels=max_pixels, overwrite=overwrite
        )
        return

    image = decode(source, max_pixels=max_pixels)
    for note in image.notes:
        out.note(note)
    truth = read_version(TRUTH, target, image, max_pixels=max_pixels) if target else None
    if truth:
        measure.check_size(image.pixels)
    given = [read_version(name, file, image, max_pixels=max_pixels) for name, file in files]
    runs = {label: _restored(label, asked, model, image, out) for label, model in found.items()}
    versions = [Version(INPUT, image), *(run.version for run in runs.values()), *given]
    if truth:
        versions = [scored(version, truth, measure) for version in versions]

    if format is None:
        facts = [*([f"PSNR and SSIM by protocol {measure.name}"] if truth else ()), *map(str, runs.values())]
        data = comparison_page(source.name, versions, truth, facts, on_note=out.note).encode()
    else:
        data = comparison_sheet(versions, truth, format)
    write_atomically(destination, data, overwrite=overwrite)
    _print(source, destination, versions, runs, measure if truth else None, out)


@dataclass(frozen=True)
class _Run:
    """The result of a model, and how the model ran."""

    version: Version
    seconds: float
    model: str
    device: str
    precision: str
    tile: str

    def __str__(self) -> str:
        return f"{self.version.label} on {self.device} in {self.precision}"


def _restored(label: str, asked: LoadOptions, found: ResolvedModel, image: Image, out: Output) -> _Run:
    from deraincli.evaluation.comparison import Version

    derainer = options.open_model(asked, out, found)
    begin = time.perf_counter()
    with out.progress(label) as meter:
        result = derainer.restore(image.pixels, on_progress=meter, on_warning=out.note)
    seconds = time.perf_counter() - begin
    specialist = "" if result.model == derainer.name else result.model
    version = Version(label, replace(image, pixels=result.image), specialist)
    run = _Run(version, seconds, result.model, derainer.device, derainer.precision, str(result.tile))
    out.detail(f"{run}, {seconds:.2f} s")
    return run


def _labelled(typed: Sequence[str | None], task: str) -> dict[str, ResolvedModel]:
    """Returns the models by their labels: their names, or, where those are equal, the typed values."""
    from deraincli.model_zoo.resolve import resolve_model_or_method

    found = [resolve_model_or_method(name, task) for name in typed]
    counts = Counter(model.name for model in found)
    return {
        name if name is not None and counts[model.name] > 1 else model.name: model
        for name, model in zip(typed, found, strict=True)
    }


def _sheet_format(destination: Path) -> str | None:
    """Returns the format of a contact sheet, None for a page. Raises UsageError for any other suffix."""
    from deraincli.imaging.formats import format_of

    if destination.suffix.lower() in options.PAGE_SUFFIXES:
        return None
    try:
        return format_of(destination)
    except UsageError as error:
        raise UsageError(f"{str(error).removesuffix('.')}, or .html for a page.") from error


def _holds(source: Path, *suffixes: str) -> bool:
    """Returns whether IN is a file of a kind. A folder may have any name."""
    return source.suffix.lower() in suffixes and not source.is_dir()


def _refuse_mismatch(source: Path, destination: Path, *, blind: bool) -> None:
    """Raises UsageError if IN, OUT and --blind do not go together."""
    suffix = destination.suffix.lower()
    answers = _holds(source, ANSWERS_SUFFIX)
    if _holds(source, *options.PAGE_SUFFIXES):
        raise UsageError(
            f"'{source}' is a page: open it in a browser. To evaluate answers, name the file that the page "
            "saved: derain compare answers.json --blind -o result.json."
        )
    if answers and not blind:
        raise UsageError(f"'{source}' is not a photo: add --blind if it holds the answers of a page.")
    if answers and suffix != ANSWERS_SUFFIX:
        raise UsageError(f"The result of answers is a {ANSWERS_SUFFIX} file: name -o result{ANSWERS_SUFFIX}.")
    if blind and not answers and suffix not in options.PAGE_SUFFIXES:
        raise UsageError(f"--blind writes a page, not '{destination}': name it -o PAGE.html.")


def _refuse_without_truth(target: Path | None, protocol: str | None, *, blind: bool) -> None:
    """Raises UsageError if --target or --protocol has no effect."""
    if blind and target:
        raise UsageError("--blind shows no ground truth: leave out --target.")
    if protocol and not target:
        raise UsageError("--protocol needs the ground truth: add --target CLEAN, or leave it out.")


def _refuse_with_answers(unused: dict[str, object]) -> None:
    """Raises UsageError if something is given that has no effect on the result of answers."""
    for word, value in unused.items():
        if value:
            raise UsageError(f"The answers of a page are evaluated alone: leave out {word}.")


def _name_and_file(text: str) -> tuple[str, Path]:
    name, equals, file = text.partition("=")
    if not (name and equals and file):
        example = shlex.quote(f"{Path(text).stem}={text}" if text and not equals else "theirs=theirs.png")
        raise UsageError(f"Give an existing result as NAME=FILE, such as {example}, not {text!r}.")
    return name, Path(file)


def _refuse_namesakes(labels: Sequence[str]) -> None:
    for label, count in Counter(labels).items():
        if count > 1:
            raise UsageError(f"Two versions are called {label!r}: give one another name.")


def _print(
    source: Path,
    destination: Path,
    versions: Sequence[Version],
    runs: dict[str, _Run],
    measure: Protocol | None,
    out: Output,
) -> None:
    """Prints the JSON object, or a table of the scores and the path of the comparison.

    `measure` is the protocol of the scores, None without ground truth.
    """
    rows = []
    for version in versions:
        run, score = runs.get(version.name), version.score
        row: dict[str, Any] = {"name": version.name}
        if score:
            row |= {"psnr": score.psnr if math.isfinite(score.psnr) else None, "ssim": score.ssim}
        if run:
            row |= {"seconds": round(run.seconds, 4), "model": run.model, "device": run.device}
            row |= {"precision": run.precision, "tile": run.tile}
        rows.append(row)
    if measure and not out.json and not out.quiet:
        cells = [version.cells for version in versions]
        out.table(f"{source.name} ({measure.name})", ("version", "PSNR", "SSIM"), cells)
    record = {
        "source": str(source),
        "output": str(destination),
        "protocol": measure.name if measure else None,
        "versions": rows,
    }
    count = f"{len(versions)} versions{' and the ground truth' if measure else ''}"
    out.result(record, f"{source} → {destination}  {count}")
