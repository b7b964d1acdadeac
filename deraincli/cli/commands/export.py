"""`derain weights export` converts a model for other programs or for the backends without PyTorch."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deraincli.cli import options
from deraincli.cli.help import IN_OUT, QUALITY, examples
from deraincli.cli.values import EXPORT_PRECISIONS, EXPORT_TARGETS, one_of, suggest_models
from deraincli.errors import OutputError, UsageError
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from deraincli.export.exporter import Exported
    from deraincli.model_zoo.resolve import ModelFile

EXAMPLES = examples(
    "derain weights export                 # both default models, as ONNX",
    "derain weights export balnet-small --to pt2 -o balnet-small.pt2",
    "derain weights export --to openvino --precision int8 --pairs Rain100L",
)


def command(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            autocompletion=suggest_models(),
            help="A name, a file, a folder or hf:REPO. Default: both shipped default models.",
        ),
    ] = None,
    target: Annotated[
        str, typer.Option("--to", **one_of(*EXPORT_TARGETS), rich_help_panel=IN_OUT, help="Kind of file.")
    ] = "onnx",
    destination: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            rich_help_panel=IN_OUT,
            help="File to write. Default for onnx and openvino: the cache, where --backend finds it.",
            parser=options.path,
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    precision: Annotated[
        str,
        typer.Option(
            **one_of(*EXPORT_PRECISIONS),
            rich_help_panel=QUALITY,
            help="Number format: fp16 for all but pt2, int8 for onnx and openvino.",
        ),
    ] = "fp32",
    pairs: Annotated[
        Path | None,
        typer.Option(
            metavar="DATASET",
            rich_help_panel=QUALITY,
            help="For int8: the paired set to calibrate with and to measure the loss on.",
            parser=options.path,
        ),
    ] = None,
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    quiet: options.Quiet = False,
    verbose: options.NoVerbose = False,
    json: options.Json = False,
) -> None:
    """Convert a model for other programs, and compare it with PyTorch on photos."""
    from deraincli.export.options import check_choices, check_suffix
    from deraincli.files.atomic import check_destination, write_atomically

    out = options.make_output(quiet, verbose, json)
    check_choices(target, precision, pairs)
    if destination is not None:
        check_suffix(destination, target)
    jobs = [(file, destination or _cached(file, target, precision)) for file in _files(model, destination)]
    for _, output in jobs:
        check_destination(output, overwrite=overwrite)
        _try_to_write_in(output.parent)
    from deraincli.export.exporter import export_model

    for file, output in jobs:
        with out.progress(f"exporting {file.name}", "photos") as meter:
            exported = export_model(
                file,
                target,
                precision,
                pairs=pairs,
                max_pixels=max_pixels,
                on_step=out.line,
                on_progress=meter,
            )
        write_atomically(output, exported.data, overwrite=overwrite)
        out.result(_record(exported, file.name, target, output), _summary(exported, output))


def _try_to_write_in(folder: Path) -> None:
    """Raises OutputError if a folder cannot be written, before the work, which takes a minute.

    A trial is necessary, because permissions alone do not show it.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"Nothing can be written to '{folder}' ({error.strerror}): choose another output."
        ) from None


def _files(model: str | None, destination: Path | None) -> Sequence[ModelFile]:
    """Finds the files to export. Raises UsageError if there are two but only one destination."""
    from deraincli.model_zoo.resolve import resolve_model

    found = resolve_model(model)
    return found.files if destination is None else (found.only_file,)


def _cached(model: ModelFile, target: str, precision: str) -> Path:
    from deraincli.model_zoo.exports import cached_export
    from deraincli.models.header import read_header

    if target not in ("onnx", "openvino"):
        raise UsageError(f"Exports to {target} have no place in the cache: name a file with -o.")
    read_header(model.path)  # raises ModelError if the file is missing or damaged
    path = cached_export(model, precision, target)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The cache folder '{path.parent}' cannot be made ({error.strerror}): name a file with -o, "
            "or set XDG_CACHE_HOME."
        ) from None
    return path


def _record(exported: Exported, name: str, target: str, output: Path) -> dict[str, object]:
    loss = exported.loss
    return {
        "model": name,
        "target": target,
        "precision": exported.description.precision,
        "output": str(output),
        "bytes": len(exported.data),
        "max_difference": exported.difference.maximum,
        "mean_difference": exported.difference.mean,
        "psnr_fp32": loss.fp32 if loss else None,
        "psnr_int8": loss.int8 if loss else None,
        "scored": loss.pictures if loss else None,
    }


def _summary(exported: Exported, output: Path) -> str:
    gap, loss = exported.difference, exported.loss
    text = (
        f"{output}, {len(exported.data) / 1e6:.1f} MB; differs from PyTorch in fp32 by at most "
        f"{gap.maximum:.1e} (mean {gap.mean:.1e}) on {gap.pictures} photos"
    )
    if loss:
        text += f"; {loss.int8:.2f} dB against {loss.fp32:.2f} on {loss.pictures} pictures"
    return text
