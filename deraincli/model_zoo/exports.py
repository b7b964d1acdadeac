"""Stores and finds the ONNX exports of `--backend onnxruntime`."""

from __future__ import annotations

from pathlib import Path

from deraincli.errors import DeviceError, ModelError
from deraincli.files.locations import cache_folder
from deraincli.model_zoo.resolve import ModelFile
from deraincli.models.header import EXPORT_SUFFIXES, read_header


def cached_export(model: ModelFile, precision: str) -> Path:
    """Returns the path of an export in the cache.

    Args:
        model: The model file. Other weights have another path.
        precision: A name of PRECISIONS.

    Returns:
        The path, where there need not be a file.
    """
    return cache_folder() / "exports" / f"{model.name}-{model.sha256[:16]}-{precision}.onnx"


def find_export(model: ModelFile, precision: str = "auto") -> Path:
    """Finds the ONNX file of a model.

    Args:
        model: The model that was exported, or the export itself.
        precision: A name of PRECISIONS, or `auto` for the first for which there is an export.

    Returns:
        The ONNX file.

    Raises:
        ModelError: There is no export. The message names the command that makes it.
        DeviceError: Exports cannot have this precision.
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
    read_header(weights)  # raises ModelError if the file is missing or damaged
    for candidate in PRECISIONS if precision == "auto" else (precision,):
        path = cached_export(model, candidate)
        if path.is_file():
            return path
    command = f"derain weights export {model.given} --to onnx"
    if precision != "auto":
        command += f" --precision {precision}"
    raise ModelError(f"ONNX Runtime needs an export of '{model.name}': run `{command}` once.")


PRECISIONS = ("fp32", "fp16", "int8")
"""Precisions of ONNX exports. `auto` chooses the first for which there is an export."""
