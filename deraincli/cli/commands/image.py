"""`derain image` restores one picture."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deraincli.cli import options
from deraincli.cli.destination import (
    STREAM,
    check_output,
    is_stdout,
    note_lossless,
    note_other_suffix,
    output_path,
    refuse_same,
)
from deraincli.cli.help import IN_OUT, SPEED, examples
from deraincli.cli.output import Output
from deraincli.cli.result_line import photo_restored
from deraincli.errors import DerainError, InputError, UsageError, without_maps
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from deraincli.imaging.image import Image
    from deraincli.restoration.control import Control, ControlOptions
    from deraincli.restoration.derainer import Derainer
    from deraincli.restoration.load import LoadOptions
    from deraincli.restoration.restore_file import RestoredFile, SaveOptions

EXAMPLES = examples(
    "derain image photo.jpg                # writes photo.derained.jpg",
    "derain image window.jpg -o clean.png --task drop",
    "derain image photo.jpg -o soft.jpg --strength 0.7 --protect faces.png",
)


def command(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN", help="A photo, or - to read standard input and write to standard output."
        ),
    ],
    destination: options.OutputFile = None,
    overwrite: options.Overwrite = False,
    format: options.ImageFormat = None,
    metadata: options.Metadata = "keep",
    mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=IN_OUT,
            help="Restore only where this grey image is white, and in part where it is grey.",
            parser=options.path,
        ),
    ] = None,
    protect: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=IN_OUT,
            help="Leave the photo alone where this grey image is white.",
            parser=options.path,
        ),
    ] = None,
    save_mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=IN_OUT,
            help="Also write where the network sees rain, as a mask to edit and give to --mask.",
            parser=options.path,
        ),
    ] = None,
    task: options.Task = "auto",
    model: options.ModelOrMethod = None,
    strength: options.Strength = 1.0,
    quality: options.Quality = None,
    working_side: options.WorkingSide = "auto",
    ensemble: options.Ensemble = False,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    backend: options.Backend = None,
    provider: options.Provider = "auto",
    tile: options.Tile = "auto",
    overlap: options.Overlap = "auto",
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    max_seconds: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="N",
            rich_help_panel=SPEED,
            help="With -m dsc or gmm: end each pass after N seconds, with the best so far. "
            "Large photos take two or more passes.",
        ),
    ] = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    json: options.Json = False,
) -> None:
    """Remove rain from a photo."""
    if context.args:
        several = shlex.join([source, *context.args])
        raise UsageError(f"`derain image` restores one picture: use `derain batch {several}` for several.")
    out = options.make_output(quiet, verbose, json)
    if json and is_stdout(source, destination):
        raise UsageError("--json and a picture cannot share standard output: give -o a file name.")
    record: dict[str, object] = {"source": source, "output": destination, "status": "failed", "error": None}
    try:
        asked = options.load_options(
            model, task, device, precision, backend, tile, overlap, working_side, provider, ensemble
        )
        asked = replace(asked, max_seconds=max_seconds)
        target = _destination(source, destination, format)
        record["output"] = STREAM if target is None else str(target)
        given = _control_options(strength, mask, protect)
        refuse_same("--output", target, [mask, protect])
        check_output(target, "A picture", overwrite=overwrite)
        if save_mask is not None:
            refuse_same("--save-mask", save_mask, [source, target, mask, protect])
            _check_mask_file(save_mask, overwrite=overwrite)
        content = _read_stdin() if source == STREAM else Path(source)
        save_format = _format(target, format, content, out)
        save = _save_options(save_format, quality, out, keep_metadata=metadata == "keep")
        picture, seconds = _read(content, save, max_pixels, out)
        control = _read_masks(given, picture, max_pixels, out)
        derainer, restored = _restore(source, picture, save, asked, control, save_mask is not None, out)
        if save_mask is None:
            _write(target, restored.data, overwrite)
        else:
            _write_both(target, restored.data, save_mask, _mask_file(save_mask, restored), overwrite)
    except DerainError as error:
        if json:
            out.result(record | {"error": str(error)}, "")
        raise
    saved_mask = None if save_mask is None else str(save_mask)
    record |= {**given.record(), "saved_mask": saved_mask, "ensemble": ensemble}
    record |= restored.record(derainer, seconds)
    _report(record, restored, str(given), out)
    if not str(given):
        _advise(restored, asked, out)


def _destination(source: str, destination: str | None, format: str | None) -> Path | None:
    """Returns the output path, None for standard output.

    Checks the input first, because the name of the output may depend on it.
    """
    content = None if source == STREAM else _input_format(source)
    return output_path(source, destination, _suffix(Path(source), format, content))


def _input_format(source: str) -> str:
    """Returns the format of the input file by its content. Raises DerainError if it is not a picture."""
    options.path(source)
    if os.path.isdir(source):  # noqa: PTH112  # which takes any name, however long
        folder = shlex.quote(source)
        raise InputError(f"'{source}' is a folder: restore all of its pictures by `derain batch {folder}`.")
    if not os.path.exists(source) and any(sign in source for sign in "*?["):  # noqa: PTH110
        pattern = shlex.quote(source)
        raise InputError(
            f"There is no file '{source}': restore several pictures by `derain batch {pattern}`."
        )
    if os.path.exists(source) and not os.path.isfile(source):  # noqa: PTH110, PTH113
        raise InputError(f"'{source}' is not a regular file: pipe it in and name the input '-'.")
    from deraincli.imaging.decode import content_format

    return content_format(Path(source))


def _suffix(source: Path, format: str | None, content: str | None) -> str:
    """Returns the suffix of an output that is named after the input: that of the input if it fits."""
    from deraincli.imaging.formats import FORMATS, PICTURE_SUFFIXES, format_named, result_suffix

    named = None if format is None else format_named(format)
    if source.suffix.lower() in (FORMATS[named].suffixes if named else PICTURE_SUFFIXES):
        return result_suffix(source.suffix)
    return result_suffix(FORMATS[named or content or "PNG"].suffixes[0])


def _format(target: Path | None, format: str | None, content: Path | bytes, out: Output) -> str:
    """Returns the format of the result. On standard output, it is that of the input if it can be written."""
    from deraincli.imaging.decode import content_format
    from deraincli.imaging.formats import FORMATS, format_named, format_of, result_format

    if format is not None:
        named = format_named(format)
        note_other_suffix(target, FORMATS[named].suffixes, named, out)
        return named
    return format_of(target) if target is not None else result_format(content_format(content))


def _save_options(format: str, quality: int | None, out: Output, *, keep_metadata: bool) -> SaveOptions:
    from deraincli.restoration.restore_file import SaveOptions

    note_lossless(format, quality, out)
    return SaveOptions(format, quality, keep_metadata)


def _control_options(strength: float, mask: Path | None, protect: Path | None) -> ControlOptions:
    from deraincli.restoration.control import ControlOptions

    return ControlOptions(strength, mask, protect)


def _check_mask_file(file: Path, *, overwrite: bool) -> None:
    """Checks before the work that the mask can be written."""
    from deraincli.imaging.formats import format_of

    format_of(file)
    check_output(file, "A mask", overwrite=overwrite)


def _read_masks(given: ControlOptions, picture: Image, max_pixels: int, out: Output) -> Control:
    """Reads the masks and checks them, before a model is loaded."""
    from deraincli.geometry import Size

    control = given.load(max_pixels=max_pixels)
    control.check(Size(*picture.pixels.shape[:2]))
    control.refuse_empty_mask()
    if control.leaves_all:
        out.note("Nothing is restored, because the strength is 0 or everything is protected.")
    return control


def _read(content: Path | bytes, save: SaveOptions, max_pixels: int, out: Output) -> tuple[Image, float]:
    """Decodes the input, before a model is loaded. Returns it with the seconds that this took."""
    from deraincli.restoration.restore_file import read_for

    start = time.perf_counter()
    image = read_for(save, content, max_pixels=max_pixels, on_note=out.note)
    return image, time.perf_counter() - start


def _read_stdin() -> bytes:
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise InputError(f"Standard input cannot be read: {error.strerror or error}.") from error


def _restore(
    source: str,
    image: Image,
    save: SaveOptions,
    asked: LoadOptions,
    control: Control,
    maps: bool,
    out: Output,
) -> tuple[Derainer, RestoredFile]:
    """Loads the model and restores the picture."""
    from deraincli.model_zoo.resolve import resolve_model_or_method

    found = resolve_model_or_method(asked.model, asked.task)  # a download shows its own bar
    if maps and found.method is not None:  # which would take minutes
        raise without_maps(found.name)
    with out.progress("loading the model") as meter:
        from deraincli.restoration.restore_file import restore_picture

        derainer = options.open_model(asked, out, found)
        meter.label("standard input" if source == STREAM else source)
        restored = restore_picture(
            derainer, image, save, control=control, maps=maps, on_progress=meter, on_note=out.note
        )
        return derainer, restored


def _mask_file(file: Path, restored: RestoredFile) -> bytes:
    """Returns the content of a mask. Raises ModelError if the model has no map of the rain."""
    from deraincli.imaging.formats import format_of
    from deraincli.restoration.mask import mask_file

    if restored.maps.ram is None:
        raise without_maps(restored.model)
    return mask_file(restored.maps.ram, format_of(file))


def _write(target: Path | None, data: bytes, overwrite: bool) -> None:
    from deraincli.files.atomic import write_atomically

    if target is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_atomically(target, data, overwrite=overwrite)


def _write_both(target: Path | None, data: bytes, save_mask: Path, mask: bytes, overwrite: bool) -> None:
    """Writes the picture and its mask. The mask appears only once the picture is written."""
    from deraincli.files.atomic import open_atomically

    with open_atomically(save_mask, overwrite=overwrite) as file:
        file.write(mask)
        file.flush()  # so that a full disk stops the picture, too
        _write(target, data, overwrite)


def _report(record: Mapping[str, Any], restored: RestoredFile, control: str, out: Output) -> None:
    """Prints the result. `control` describes which share of the change was applied, if not all."""
    saved = f"; mask written to {record['saved_mask']}" if record["saved_mask"] else ""
    out.result(record, f"{photo_restored(record, control)}{saved}")
    if restored.rain:
        from deraincli.restoration.auto_model import explain_choice

        out.detail(explain_choice(restored.rain))


def _advise(restored: RestoredFile, asked: LoadOptions, out: Output) -> None:
    """Prints what to try if the picture hardly changed."""
    from deraincli.restoration.advice import what_to_try

    if restored.change.little:
        advice = what_to_try(asked, restored.model, restored.size)
        out.note(f"Little of the picture was changed. If rain is left, {advice}.")
