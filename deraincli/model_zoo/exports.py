"""Where ONNX exports are kept for `--backend onnxruntime`, and how one is found."""

from __future__ import annotations

from pathlib import Path

from deraincli.errors import DeviceError, ModelError
from deraincli.files.locations import cache_folder
from deraincli.model_zoo.resolve import ModelFile
from deraincli.models.header import EXPORT_SUFFIXES, read_header


def cached_export(model: ModelFile, precision: str) -> Path:
    """Returns where the export of a model file is kept. Other weights have another path."""
    return cache_folder() / "exports" / f"{model.name}-{model.sha256[:16]}-{precision}.onnx"


def find_export(model: ModelFile, precision: str = "auto") -> Path:
    """Finds the ONNX file of a model.

    Args:
        model: The model that was exported, or the export itself.
        precision: A name of PRECISIONS, or `auto` for the first that was made.

    Returns:
        The ONNX file.

    Raises:
        ModelError: There is none. The message names the command that makes it.
        DeviceError: Exports do not have such a precision.
    """
    weights = model.path
    if weights.suffix == ".onnx":
        if not weights.is_file():
            raise ModelError(f"There is no file '{weights}': make it with `derain weights export`.")
        return weights
    if precision not in ("auto", *PRECISIONS):
        raise DeviceError(
            f"Exports compute in {', '.join(PRECISIONS)}, not in '{precision}': choose one or auto."
        )
    if weights.suffix in EXPORT_SUFFIXES:
        raise ModelError(
            f"'{model.given}' is no ONNX file and cannot be made one: name the model that it was exported "
            "from."
        )
    read_header(weights)  # complains of a missing or damaged file
    for candidate in PRECISIONS if precision == "auto" else (precision,):
        path = cached_export(model, candidate)
        if path.is_file():
            return path
    command = f"derain weights export {model.given} --to onnx"
    if precision != "auto":
        command += f" --precision {precision}"
    raise ModelError(f"ONNX Runtime needs an export of '{model.name}': run `{command}` once.")


PRECISIONS = ("fp32", "fp16", "int8")
"""What ONNX exports compute in; `auto` takes the first that was made."""
