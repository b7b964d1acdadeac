"""Where ONNX exports are kept for `--backend onnxruntime`, and how one is found."""

from __future__ import annotations

from pathlib import Path

from deraincli.errors import DeviceError, ModelError
from deraincli.files.locations import cache_folder
from deraincli.model_zoo.resolve import find_model
from deraincli.models.header import EXPORT_SUFFIXES, read_header, sha256


def cached_export(name: str, weights_sha256: str, precision: str) -> Path:
    """Where the export of a model file is kept; other weights have another path."""
    return cache_folder() / "exports" / f"{name}-{weights_sha256[:16]}-{precision}.onnx"


def find_export(model: str, precision: str = "auto") -> tuple[str, Path]:
    """The name and ONNX file of a model, given as a path to one or as any model that was exported before.

    Raises ModelError, naming the command that makes the file, if there is none, and DeviceError for a
    precision that exports do not have.
    """
    if Path(model).suffix == ".onnx":
        if not Path(model).is_file():
            raise ModelError(f"There is no file '{model}': make it with `derain weights export`.")
        return Path(model).stem, Path(model)
    if precision not in ("auto", *PRECISIONS):
        raise DeviceError(
            f"Exports compute in {', '.join(PRECISIONS)}, not in '{precision}': choose one or auto."
        )
    name, weights = find_model(model)
    if weights.suffix in EXPORT_SUFFIXES:
        raise ModelError(
            f"'{model}' is no ONNX file and cannot be made one: name the model that it was exported from."
        )
    read_header(weights)  # complains of a missing or damaged file
    digest = sha256(weights)
    for candidate in PRECISIONS if precision == "auto" else (precision,):
        path = cached_export(name, digest, candidate)
        if path.is_file():
            return name, path
    command = f"derain weights export {model} --to onnx"
    if precision != "auto":
        command += f" --precision {precision}"
    raise ModelError(f"ONNX Runtime needs an export of '{name}': run `{command}` once.")


PRECISIONS = ("fp32", "fp16", "int8")
"""What ONNX exports compute in; `auto` takes the first that was made."""
