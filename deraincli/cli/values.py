"""The values that options take, for the check of the command line and for completion by the shell.

The names are repeated here because the tables that they come from import PyTorch, NumPy or PyAV, which would
slow down every start and every completion. The tests compare them with the tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import typer

from deraincli.errors import UsageError

TASKS = ("auto", "streak", "drop")
DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")
PRECISIONS = ("auto", "fp32", "bf16", "fp16", "int8")
BACKENDS = ("eager", "compile", "cudagraphs", "onnxruntime", "openvino")
PROVIDERS = ("auto", "cuda", "rocm", "directml", "coreml", "openvino", "cpu")
CLASSICAL_METHODS = ("dsc", "gmm")
PROTOCOLS = ("prenet", "mprnet", "basicsr-y", "agan", "rgb")
LAYOUTS = ("input-target", "agan", "rain1400", "rain200", "rain100", "halves")
CODECS = ("h264", "hevc", "vp9", "av1", "ffv1")
CONTAINERS = ("mp4", "mov", "mkv", "webm")
IMAGE_FORMATS = ("jpeg", "png", "webp", "tiff", "bmp", "avif", "jxl")
IMPORTED_NETWORKS = ("prenet", "nledn", "agan", "brn", "rcdnet", "mprnet", "restormer")
EXPORT_TARGETS = ("onnx", "openvino", "pt2", "safetensors")
EXPORT_PRECISIONS = ("fp32", "fp16", "int8")


class Pattern(NamedTuple):
    """Values that are too many to list."""

    regex: str
    """Regular expression that each value matches."""
    words: str
    """Name of the values in messages."""
    metavar: str
    """Name of the values in the help."""


PIXELS = Pattern("[0-9]+", "a number of pixels", "N")
GPU = Pattern("cuda:[0-9]+", "cuda:N", "cuda:N")


def one_of(*names: str, pattern: Pattern | None = None, several: bool = False) -> dict[str, Any]:
    """Makes the arguments of `typer.Option` for an option that takes one of some values.

    Args:
        names: The values.
        pattern: Further values.
        several: Whether the option takes several values, separated by commas.

    Returns:
        The arguments by name.
    """

    def check(context: typer.Context, parameter: typer.CallbackParam, value: str | None) -> str | None:
        for part in () if value is None else value.split(",") if several else (value,):
            if part not in names and not (pattern and re.fullmatch(pattern.regex, part)):
                raise UsageError(
                    f"{origin(context, parameter)} takes {listed(names, pattern)}, not {part!r}."
                )
        return value

    return {
        "metavar": "|".join([*names, *([pattern.metavar] if pattern else [])]),
        "callback": check,
        "autocompletion": suggest(*names, several=several),
    }


def suggest(*names: str, several: bool = False) -> Callable[[str], list[str]]:
    """Makes the completion of an option that takes one of some values, or others.

    Args:
        names: The values.
        several: Whether the option takes several values, separated by commas.

    Returns:
        A function that returns the completions of a part of a value.
    """

    def complete(incomplete: str) -> list[str]:
        done, comma, _ = incomplete.rpartition(",") if several else ("", "", "")
        return [f"{done}{comma}{name}" for name in names]

    return complete


def suggest_models(*others: str, several: bool = False) -> Callable[[str], list[str]]:
    """Makes the completion of an option that takes a model.

    Args:
        others: Further values, such as the classical methods.
        several: Whether the option takes several values, separated by commas.

    Returns:
        A function that returns the completions of a part of a value.
    """

    def complete(incomplete: str) -> list[str]:
        from deraincli.model_zoo.catalogue import AUTO_MODEL, SHIPPED

        return suggest(*dict.fromkeys((AUTO_MODEL.name, *SHIPPED, *others)), several=several)(incomplete)

    return complete


def is_from_variable(context: typer.Context, name: str) -> bool:
    """Returns whether the value of an option comes from an environment variable.

    Args:
        context: Context of the command.
        name: Name of the option's parameter.
    """
    source = context.get_parameter_source(name)
    return source is not None and source.name == "ENVIRONMENT"


def origin(context: typer.Context, parameter: typer.CallbackParam) -> str:
    """Returns the name of the option or of the environment variable that a value comes from.

    Args:
        context: Context of the command.
        parameter: The option.
    """
    if is_from_variable(context, parameter.name):
        return str(parameter.envvar)
    return max(parameter.opts, key=len)


def listed(names: tuple[str, ...], pattern: Pattern | None = None) -> str:
    """Lists values for a sentence.

    Args:
        names: At least two values.
        pattern: Further values.

    Returns:
        The list in the form `a, b or c`.
    """
    *first, last = [*names, *([pattern.words] if pattern else [])]
    return f"{', '.join(first)} or {last}"
