"""`derain image`: one picture."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deraincli.cli import options
from deraincli.cli.help import SPEED, examples
from deraincli.cli.output import Output
from deraincli.errors import DerainError, InputError, OutputError, UsageError, missing
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from deraincli.restoration.derainer import Derainer
    from deraincli.restoration.restore_file import SaveOptions

STREAM = "-"
EXAMPLES = examples(
    "derain image photo.jpg                # writes photo.derained.jpg",
    "derain image window.jpg -o clean.png --task drop",
)


def command(
    source: Annotated[str, typer.Argument(metavar="IN", help="A photo, or - for standard input.")],
    destination: options.OutputFile = None,
    overwrite: options.Overwrite = False,
    format: options.ImageFormat = None,
    metadata: options.Metadata = "keep",
    task: options.Task = "auto",
    model: options.ModelOrMethod = None,
    quality: options.Quality = None,
    working_side: options.WorkingSide = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = "eager",
    tile: options.Tile = "auto",
    overlap: options.Overlap = "auto",
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    max_seconds: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="N",
            rich_help_panel=SPEED,
            help="With -m dsc or gmm: stop after N seconds with the best so far.",
        ),
    ] = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    json: options.Json = False,
) -> None:
    """Remove rain from a photo."""
    out = options.make_output(quiet, verbose, json)
    target = _destination(source, destination)
    if json and target is None:
        raise UsageError("--json and a picture cannot share standard output: give -o a file name.")
    record: dict[str, object] = {
        "source": source,
        "output": STREAM if target is None else str(target),
        "status": "failed",
        "error": None,
    }
    try:
        _check_source(source)
        network = options.network(task, device, precision, backend, tile, overlap, working_side)
        network["max_seconds"] = max_seconds
        save = _save_options(target, format, quality, keep_metadata=metadata == "keep")
        derainer = _load(source, target, overwrite, model, network)
        record |= _restore(derainer, source, target, save, max_pixels, overwrite, out)
    except DerainError as error:
        if json:
            out.result(record | {"error": str(error)}, "")
        raise
    line = "{source} → {output}  {width}×{height}, {seconds:.2f} s, {model} on {device} in {precision}"
    out.result(record, line.format_map(record))


def _destination(source: str, destination: str | None) -> Path | None:
    """The output path; None for standard output."""
    if destination is None:
        if source == STREAM:
            return None
        path = Path(source)
        # A path without a name, such as "." or "/", is a folder, and is refused as one.
        return path.with_name(f"{path.stem}.derained{path.suffix}") if path.name else path
    return None if destination == STREAM else Path(destination)


def _check_source(source: str) -> None:
    """Complains of the input before the output, whose name may follow from it."""
    if source == STREAM:
        return
    if not source:
        raise UsageError("The picture needs a name, not '': a variable of the shell may be empty.")
    try:
        mode = Path(source).stat().st_mode
    except FileNotFoundError:
        raise missing(Path(source)) from None
    except OSError as error:
        raise InputError(f"'{source}' cannot be read: {error.strerror or error}.") from error
    if stat.S_ISDIR(mode):
        raise InputError(f"'{source}' is a folder: name one of its pictures.")
    if not stat.S_ISREG(mode):
        raise InputError(f"'{source}' is no regular file: pipe it in and name the input '-'.")


def _save_options(
    target: Path | None, format: str | None, quality: int | None, *, keep_metadata: bool
) -> SaveOptions:
    from deraincli.imaging.formats import format_named, format_of
    from deraincli.restoration.restore_file import SaveOptions

    if format is not None:
        return SaveOptions(format_named(format), quality, keep_metadata)
    if target is None:
        raise UsageError("Standard output has no suffix to tell the format: add, for example, --format png.")
    return SaveOptions(format_of(target), quality, keep_metadata)


def _load(
    source: str,
    target: Path | None,
    overwrite: bool,
    model: str | None,
    network: dict[str, Any],
) -> Derainer:
    """Checks what can be checked at once, then loads the model."""
    from deraincli.files.atomic import check_destination

    if target is not None:
        check_destination(target, overwrite=overwrite)
    elif sys.stdout.isatty():
        raise OutputError("A picture is not written to a terminal: redirect standard output or give -o FILE.")
    from deraincli.restoration.load import load

    return load(model, **network)


def _read_stdin() -> bytes:
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise InputError(f"Standard input cannot be read: {error.strerror or error}.") from error


def _restore(
    derainer: Derainer,
    source: str,
    target: Path | None,
    save: SaveOptions,
    max_pixels: int,
    overwrite: bool,
    out: Output,
) -> dict[str, object]:
    """Restores and writes; the rest of the JSON record."""
    from deraincli.files.atomic import write_atomically
    from deraincli.restoration.restore_file import restore_file

    given: Path | bytes = _read_stdin() if source == STREAM else Path(source)
    for note in derainer.notes:
        out.note(note)
    out.detail(f"{derainer.name} on {derainer.device} in {derainer.precision}")
    with out.progress(source) as meter:
        result = restore_file(
            derainer, given, save, max_pixels=max_pixels, on_progress=meter, on_note=out.note
        )
    if target is None:
        sys.stdout.buffer.write(result.data)
        sys.stdout.buffer.flush()
    else:
        write_atomically(target, result.data, overwrite=overwrite)
    return {
        "status": "done",
        "width": result.width,
        "height": result.height,
        "seconds": round(result.seconds, 4),
        "model": result.model,
        "device": derainer.device,
        "precision": derainer.precision,
        "tile": result.tile,
    }
