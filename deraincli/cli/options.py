"""Options that several commands share, so that they are named and explained once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from deraincli.cli.output import Output
from deraincli.errors import UsageError

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|PATH|hf:REPO[@REV]",
        envvar="DERAIN_MODEL",
        help="A shipped model, a .safetensors file, a folder, or a model on the Hugging Face Hub; "
        "image, compare and bench also take dsc or gmm. "
        "Default: the shipped model for --task.",
    ),
]
Models = Annotated[
    str | None, typer.Option(metavar="A,B", help="Several models side by side, separated by commas.")
]
Task = Annotated[
    str,
    typer.Option(
        metavar="auto|streak|drop",
        envvar="DERAIN_TASK",
        help="Which rain to remove: streaks, drops on the lens, or what the picture shows.",
    ),
]
Device = Annotated[
    str, typer.Option(metavar="auto|cpu|cuda[:N]|mps", envvar="DERAIN_DEVICE", help="Where to compute.")
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="auto|fp32|bf16|fp16",
        envvar="DERAIN_PRECISION",
        help="Number format; auto takes bf16 where the device has it natively.",
    ),
]
Backend = Annotated[
    str,
    typer.Option(
        metavar="eager|compile|cudagraphs|onnxruntime",
        envvar="DERAIN_BACKEND",
        help="How to run the network: compile takes a minute first, cudagraphs needs CUDA, onnxruntime "
        "an export by derain weights export.",
    ),
]
Tile = Annotated[
    str,
    typer.Option(
        metavar="auto|N|off",
        envvar="DERAIN_TILE",
        help="Side of the tiles in pixels; off: the picture whole.",
    ),
]
Overlap = Annotated[
    str,
    typer.Option(metavar="auto|N", envvar="DERAIN_OVERLAP", help="Pixels that neighbouring tiles share."),
]
WorkingSide = Annotated[
    str,
    typer.Option(
        metavar="auto|N|full",
        envvar="DERAIN_WORKING_SIDE",
        help="Pictures whose shorter side is more than 1.5 N pixels are restored at N (64 or more) and the "
        "change is enlarged, since networks do not know larger rain. auto: 400. full: all as they are.",
    ),
]
MaxPixels = Annotated[
    int,
    typer.Option(
        min=1, envvar="DERAIN_MAX_PIXELS", help="Refuse larger pictures: a small file can claim any size."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say what is done with which model.")]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON on stdout.")]


def make_output(quiet: bool, verbose: bool, json: bool) -> Output:
    """The output that the three common flags ask for."""
    if quiet:
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # downloads of models bring bars of their own
    return Output(quiet=quiet, verbose=verbose, json=json)


def model_names(
    context: typer.Context, model: str | None, models: str | None, *, optional: bool
) -> list[str | None]:
    """The models that --model and --models ask for; None stands for the default.

    `optional`: there are other things to show, so that a model must be asked for on the command line.
    Raises UsageError if both options are given, or a name is empty.
    """
    source = context.get_parameter_source("model")
    typed = source is not None and source.name == "COMMANDLINE"
    if models is not None:
        if typed:
            raise UsageError("--model and --models exclude each other: put all of them in --models.")
        names = [name.strip() for name in models.split(",")]
        if not all(names):
            raise UsageError(f"--models {models!r} has an empty name: put one comma between two models.")
        return list(dict.fromkeys(names))
    return [model] if typed or not optional else []


def path(text: str) -> Path:
    """An option's path. Raises UsageError for an empty one, which would mean the current folder."""
    if not text:
        raise UsageError("An output needs a name, not '': a variable of the shell may be empty.")
    return Path(text)


def network(
    task: str, device: str, precision: str, backend: str, tile: str, overlap: str, working_side: str
) -> dict[str, Any]:
    """What these options say of how a model runs, by the names of `load`'s arguments. Raises UsageError."""
    return {
        "task": task,
        "device": device,
        "precision": precision,
        "backend": backend,
        "tile": _size("--tile", tile, "auto", "off"),
        "overlap": _size("--overlap", overlap, "auto"),
        "working_side": _size("--working-side", working_side, "auto", "full"),
    }


def _size(option: str, text: str, *words: str) -> int | str:
    """The value of an option that takes one of some words or a number of pixels. Raises UsageError."""
    if text in words:
        return text
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"{option} takes {', '.join(words)} or a number of pixels, not {text!r}.")
    return int(text)
