"""Where ONNX exports are kept for `--backend onnxruntime`, and how one is found."""

from __future__ import annotations

from pathlib import Path

from deraincli.catalogue import DEFAULTS, EITHER_RAIN, find_model
from deraincli.errors import DeviceError, ModelError
from deraincli.export.choices import PRECISIONS
from deraincli.header import sha256
from deraincli.workspace import cache_folder


def cached_export(name: str, weights_sha256: str, precision: str) -> Path:
    """Where the export of a model file is kept; other weights have another path."""
    return cache_folder() / "exports" / f"{name}-{weights_sha256[:16]}-{precision}.onnx"


def find_single_model(model: str | None, task: str = "auto") -> tuple[str, Path]:
    """As `find_model`, but where one of two models is chosen for each picture, it is the one for streaks."""
    if model == EITHER_RAIN or (model is None and task == "auto"):
        model = DEFAULTS["streak"]
    return find_model(model, task)


def find_export(model: str | None, task: str = "auto", precision: str = "auto") -> tuple[str, Path]:
    """The name and ONNX file of a model, given as a path to one or as any model that was exported before.

    Raises ModelError, naming the command that makes the file, if there is none, and DeviceError for a
    precision that exports do not have.
    """
    if model is not None and Path(model).suffix == ".onnx":
        if not Path(model).is_file():
            raise ModelError(f"There is no file '{model}': make it with `derain weights export`.")
        return Path(model).stem, Path(model)
    if precision not in ("auto", *PRECISIONS):
        raise DeviceError(
            f"Exports compute in {', '.join(PRECISIONS)}, not in '{precision}': choose one or auto."
        )
    name, weights = find_single_model(model, task)
    if not weights.is_file():
        raise ModelError(f"There is no model file {weights}.")
    digest = sha256(weights)
    for candidate in PRECISIONS if precision == "auto" else (precision,):
        path = cached_export(name, digest, candidate)
        if path.is_file():
            return name, path
    command = f"derain weights export {name if model in (None, EITHER_RAIN) else model} --to onnx"
    if precision != "auto":
        command += f" --precision {precision}"
    raise ModelError(f"ONNX Runtime needs an export of '{name}': run `{command}` once.")
