"""Options that several commands share, with the same names and help texts."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from deraincli.cli.help import IN_OUT, MESSAGES, MODEL, QUALITY, SPEED
from deraincli.cli.output import Output
from deraincli.cli.values import (
    BACKENDS,
    CLASSICAL_METHODS,
    DEVICES,
    GPU,
    IMAGE_FORMATS,
    LAYOUTS,
    PIXELS,
    PRECISIONS,
    PROVIDERS,
    TASKS,
    listed,
    one_of,
    suggest,
    suggest_models,
)
from deraincli.errors import UsageError

if TYPE_CHECKING:
    from deraincli.model_zoo.resolve import ResolvedModel
    from deraincli.restoration.derainer import Derainer
    from deraincli.restoration.load import LoadOptions

PAGE_SUFFIXES = (".html", ".htm")


def _model(*methods: str, help: str) -> Any:
    """Declares --model.

    Args:
        *methods: The classical methods that the command also takes.
        help: The help text, to which the default is added.
    """
    return typer.Option(
        "--model",
        "-m",
        metavar="NAME|PATH|hf:REPO",
        envvar="DERAIN_MODEL",
        show_envvar=False,
        autocompletion=suggest_models(*methods),
        rich_help_panel=MODEL,
        help=f"{help} Default: the shipped model for --task.",
    )


Model = Annotated[
    str | None, _model(help="A shipped model, a model file or folder, or a model on the Hugging Face Hub.")
]
ModelOrMethod = Annotated[
    str | None,
    _model(
        *CLASSICAL_METHODS,
        help="A shipped model, a model file or folder, a model on the Hugging Face Hub, dsc or gmm.",
    ),
]
Models = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        autocompletion=suggest_models(several=True),
        rich_help_panel=MODEL,
        help="Several models, separated by commas.",
    ),
]
Task = Annotated[
    str,
    typer.Option(
        **one_of(*TASKS),
        envvar="DERAIN_TASK",
        show_envvar=False,
        show_default=False,
        rich_help_panel=MODEL,
        help="Rain to remove: streaks, drops on the lens, or what the image seems to need.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        **one_of(*DEVICES, pattern=GPU) | {"metavar": "NAME"},
        envvar="DERAIN_DEVICE",
        show_envvar=False,
        show_default=False,
        rich_help_panel=SPEED,
        help="Where to compute: auto, cpu, cuda, mps, cuda:N or xpu (an Intel GPU, in OpenVINO).",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        **one_of(*PRECISIONS) | {"metavar": "NAME"},
        envvar="DERAIN_PRECISION",
        show_envvar=False,
        show_default=False,
        rich_help_panel=SPEED,
        help="Number format: auto (bf16 if native), fp32, bf16, fp16 or int8 (an export).",
    ),
]
Backend = Annotated[
    str | None,
    typer.Option(
        **one_of("auto", *BACKENDS) | {"metavar": "NAME"},
        envvar="DERAIN_BACKEND",
        show_envvar=False,
        show_default=False,
        rich_help_panel=SPEED,
        help="How to run the network: eager (PyTorch), compile (slow to start), cudagraphs (NVIDIA GPUs), "
        "onnxruntime or openvino (both without PyTorch), or auto: the fastest that is installed. "
        "Default: eager, or auto without PyTorch.",
    ),
]
Provider = Annotated[
    str,
    typer.Option(
        **one_of(*PROVIDERS) | {"metavar": "NAME"},
        envvar="DERAIN_PROVIDER",
        show_envvar=False,
        show_default=False,
        rich_help_panel=SPEED,
        help="What ONNX Runtime computes with: auto (the first that is installed), cuda, rocm, directml, "
        "coreml, openvino or cpu.",
    ),
]
Tile = Annotated[
    str,
    typer.Option(
        **one_of("auto", "off", pattern=PIXELS),
        envvar="DERAIN_TILE",
        show_envvar=False,
        show_default=False,
        rich_help_panel=SPEED,
        help="Side of the tiles in pixels. off: no tiles.",
    ),
]
Overlap = Annotated[
    str,
    typer.Option(
        **one_of("auto", pattern=PIXELS),
        envvar="DERAIN_OVERLAP",
        show_envvar=False,
        show_default=False,
        rich_help_panel=SPEED,
        help="Pixels that neighbouring tiles share.",
    ),
]
WorkingSide = Annotated[
    str,
    typer.Option(
        **one_of("auto", "full", pattern=PIXELS),
        envvar="DERAIN_WORKING_SIDE",
        show_envvar=False,
        show_default=False,
        rich_help_panel=QUALITY,
        help="Shorter side in pixels of the first and finest pass. Coarser passes follow, down to 400. "
        "auto: at most 1000, in videos 400. full: one pass at the image's own size.",
    ),
]
Ensemble = Annotated[
    bool,
    typer.Option(
        "--ensemble",
        envvar="DERAIN_ENSEMBLE",
        show_envvar=False,
        rich_help_panel=QUALITY,
        help="Restore each image and its mirror image, and average both: fewer errors in twice the time.",
    ),
]
MaxPixels = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        envvar="DERAIN_MAX_PIXELS",
        show_envvar=False,
        rich_help_panel=SPEED,
        help="Refuse images with more pixels than this.",
    ),
]
Strength = Annotated[
    float,
    typer.Option(
        min=0,
        max=1.5,
        metavar="S",
        show_default=False,
        rich_help_panel=QUALITY,
        help="Share of the change to apply, from 0 (none) to 1.5 (exaggerated). Default: 1.",
    ),
]
OutputFile = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        rich_help_panel=IN_OUT,
        help="File to write, or - for standard output. Default: NAME.derained.SUFFIX beside IN.",
    ),
]
ImageFormat = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        autocompletion=suggest(*IMAGE_FORMATS),
        rich_help_panel=IN_OUT,
        help=f"Format of the result: {listed(IMAGE_FORMATS)}. Default: by the suffix of -o, or as the input.",
    ),
]
Quality = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=100,
        metavar="N",
        rich_help_panel=QUALITY,
        help="Quality of JPEG (default 95), WebP (95; lossless stays lossless), AVIF (90) and JPEG XL (95).",
    ),
]
Metadata = Annotated[
    Literal["keep", "strip"],
    typer.Option(
        show_default=False,
        rich_help_panel=IN_OUT,
        help="Keep or remove EXIF and XMP. Colour profiles always stay.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", rich_help_panel=IN_OUT, help="Replace existing outputs.")
]
Layout = Annotated[
    str | None,
    typer.Option(
        **one_of(*LAYOUTS) | {"metavar": "NAME"},
        rich_help_panel=IN_OUT,
        help=f"Layout of the set on disk: {listed(LAYOUTS)}. Default: recognised.",
    ),
]
Left = Annotated[
    Literal["rainy", "clean"] | None,
    typer.Option(rich_help_panel=IN_OUT, help="Which half is on the left, for images that hold both halves."),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", rich_help_panel=MESSAGES, help="Print nothing but errors.")
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        rich_help_panel=MESSAGES,
        help="Also print the model, the device and the precision.",
    ),
]
NoVerbose = Annotated[bool, typer.Option("--verbose", "-v", hidden=True)]
"""Accepted by commands without further details, so that scripts can pass -v to every command."""
Json = Annotated[
    bool, typer.Option("--json", rich_help_panel=MESSAGES, help="Print results as JSON on standard output.")
]


def make_output(quiet: bool, verbose: bool, json: bool) -> Output:
    """Makes the output for the three common flags.

    Args:
        quiet: Whether --quiet is given.
        verbose: Whether --verbose is given.
        json: Whether --json is given.

    Returns:
        The output.
    """
    if quiet:
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # the library shows its own bars for downloads
    return Output(quiet=quiet, verbose=verbose, json=json)


def model_names(
    context: typer.Context, model: str | None, models: str | None, *, optional: bool
) -> list[str | None]:
    """Lists the models that --model and --models name.

    Args:
        context: Context of the command.
        model: Value of --model.
        models: Value of --models.
        optional: Whether the command can work without a model. The default model and that of the environment
            variable then do not count.

    Returns:
        The names. None is the default model.

    Raises:
        UsageError: Both options are given, or a name is empty.
    """
    typed = is_typed(context, "model")
    if models is not None:
        if typed:
            raise UsageError("--model and --models exclude each other: put all of them in --models.")
        names = [name.strip() for name in models.split(",")]
        if not all(names):
            raise UsageError(f"--models {models!r} has an empty name: put one comma between two models.")
        return list(dict.fromkeys(names))
    return [model] if typed or not optional else []


def is_typed(context: typer.Context, name: str | None) -> bool:
    """Returns whether an option is on the command line. Defaults and environment variables do not count.

    Args:
        context: Context of the command.
        name: Name of the option's parameter.
    """
    source = context.get_parameter_source(name or "")
    return source is not None and source.name == "COMMANDLINE"


def path(text: str | Path) -> Path:
    """Returns the path that was typed, or the default of an option.

    Raises:
        UsageError: It is empty, which would mean this folder, or a web address.
    """
    if not text:
        raise UsageError("A path needs a name, not '': a variable of the shell may be empty.")
    if re.match(r"(https?|ftp)://", str(text), re.IGNORECASE):
        raise UsageError(f"'{text}' is a web address: download the file and name the copy.")
    return Path(text)


def folder(text: str) -> Path:
    """Returns the path of a folder for results.

    Raises:
        UsageError: It is not a path, or nothing is there and its suffix is that of a picture or a video.
    """
    from deraincli.imaging.formats import OTHER_PICTURE_SUFFIXES, PICTURE_SUFFIXES, VIDEO_SUFFIXES

    given = path(text)
    files = PICTURE_SUFFIXES | OTHER_PICTURE_SUFFIXES | VIDEO_SUFFIXES
    if given.suffix.lower() in files and not os.path.lexists(given):
        raise UsageError(f"'{text}' looks like a file, and the results need a folder: name a folder with -o.")
    return given


def page(text: str) -> Path:
    """Returns the path of a page to write.

    Raises:
        UsageError: It is not a path, or its suffix is not that of a page.
    """
    given = path(text)
    if given.suffix.lower() not in PAGE_SUFFIXES:
        raise UsageError(f"'{text}' does not end in the suffix of a page: use .html.")
    return given


def model_file(text: str) -> Path:
    """Returns the path of a model file to write.

    Raises:
        UsageError: It is not a path, or its suffix is not that of a model file.
    """
    given = path(text)
    if given.suffix != ".safetensors":
        raise UsageError(
            f"{given} is no name for a model file: end it in .safetensors, for example -o mine.safetensors."
        )
    return given


def load_options(
    model: str | None,
    task: str,
    device: str,
    precision: str,
    backend: str | None,
    tile: str,
    overlap: str,
    working_side: str,
    provider: str = "auto",
    ensemble: bool = False,
) -> LoadOptions:
    """Collects the options that choose a model and how it runs.

    Returns:
        The options for `deraincli.restoration.load`.
    """
    from deraincli.restoration.load import LoadOptions

    return LoadOptions(
        model,
        task,
        device,
        precision,
        backend,
        _size(tile),
        _size(overlap),
        _size(working_side),
        provider=provider,
        ensemble=ensemble,
    )


def open_model(asked: LoadOptions, out: Output, found: ResolvedModel | None = None) -> Derainer:
    """Loads a model. Prints its notes and, with --verbose, how it runs.

    Args:
        asked: Which model, and how it runs.
        out: Where to print.
        found: What `asked.model` stands for, if it is resolved already.

    Returns:
        The loaded model.
    """
    from deraincli.restoration.load import open_model

    derainer = open_model(asked, found)
    for note in derainer.notes:
        out.note(note)
    out.detail(f"{derainer.name} on {derainer.device} in {derainer.precision}")
    return derainer


def _size(text: str) -> Any:
    """Returns a number of pixels, or a word such as auto, which the option has checked."""
    return int(text) if text.isdigit() else text
