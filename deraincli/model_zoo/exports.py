"""Stores, finds and opens the exports that run without PyTorch."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import load_file

from deraincli.errors import DeviceError, ModelError
from deraincli.files.locations import cache_folder
from deraincli.inference.backends.export_backend import ExportBackend
from deraincli.model_zoo.resolve import ModelFile
from deraincli.models.header import EXPORT_SUFFIXES, read_header
from deraincli.runtime.installation import install_command, is_installed

PRECISIONS = ("fp32", "fp16", "int8")
"""Precisions of exports. For ONNX Runtime, `auto` is the first for which there is an export."""


@dataclass(frozen=True)
class Engine:
    """A backend that runs exports."""

    name: str
    """Its full name."""
    suffixes: tuple[str, ...]
    """Suffixes of the files that it runs."""
    candidates: Callable[[str], list[tuple[str, str]]]
    """Returns target and precision of the exports that it runs in a precision, the best first."""
    open: Callable[[Path, str, str, str], ExportBackend]
    """Opens a file on a device, in a precision, with a provider."""


def cached_export(model: ModelFile, precision: str, target: str = "onnx") -> Path:
    """Returns the path of an export in the cache.

    Args:
        model: The model file. Other weights have another path.
        precision: A name of PRECISIONS.
        target: `onnx` or `openvino`.

    Returns:
        The path, where there need not be a file.
    """
    return cache_folder() / "exports" / f"{model.name}-{model.sha256[:16]}-{precision}.{target}"


def shipped_graph(model: ModelFile) -> Path:
    """Returns the path of a shipped model's ONNX graph, which lies beside the weights that it refers to.

    Args:
        model: A model of the catalogue.
    """
    return model.path.with_suffix(".onnx")


def self_contained(model: ModelFile) -> bytes:
    """Returns a shipped model as one ONNX file with its weights, in float16, for other programs.

    Args:
        model: A model of the catalogue.

    Raises:
        ModelError: ONNX Runtime is not installed.
    """
    from deraincli.inference.backends.onnx_backend import import_runtime
    from deraincli.inference.backends.onnx_providers import CPU

    runtime = import_runtime()
    weights = load_file(model.path)
    options = runtime.SessionOptions()
    options.add_external_initializers(
        list(weights), [runtime.OrtValue.ortvalue_from_numpy(weight) for weight in weights.values()]
    )
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        options.optimized_model_filepath = str(file)
        runtime.InferenceSession(shipped_graph(model), options, providers=[CPU])
        return file.read_bytes()


def find_export(model: ModelFile, precision: str = "auto", engine: str = "onnxruntime") -> Path:
    """Finds the file of a model that an engine runs.

    OpenVINO runs the ONNX file in fp32 in any precision that the CPU has, and archives of its own in int8.
    Shipped models need no export in fp32.

    Args:
        model: The model that was exported, or the export itself.
        precision: The precision to compute in, or `auto`.
        engine: A key of ENGINES.

    Returns:
        The file.

    Raises:
        ModelError: There is no export. The message names the command that makes it.
        DeviceError: Exports cannot have this precision.
    """
    weights = model.path
    runs = ENGINES[engine]
    if weights.suffix in runs.suffixes:
        if not weights.is_file():
            raise ModelError(f"There is no file '{weights}': make it with `derain weights export`.")
        return weights
    if weights.suffix in EXPORT_SUFFIXES:
        raise ModelError(
            f"{runs.name} does not run '{model.given}', which cannot be converted: name the model that it "
            "was exported from."
        )
    read_header(weights)  # raises ModelError if the file is missing or damaged
    candidates = runs.candidates(precision)
    for target, candidate in candidates:
        path = cached_export(model, candidate, target)
        if os.path.isfile(path):  # noqa: PTH113  # Path.is_file raises an error if the cache is closed
            return path
    if model.entry is not None and ("onnx", "fp32") in candidates:
        return shipped_graph(model)
    if not is_installed("torch"):
        raise ModelError(
            f"There is no such export of '{model.name}' here, and making one needs PyTorch: run "
            f"`{install_command()}`, or name an export that was made elsewhere."
        )
    target, candidate = candidates[0]
    command = f"derain weights export {shlex.quote(model.given)} --to {target}"
    if precision != "auto":
        command += f" --precision {candidate}"
    if candidate == "int8":
        command += " --pairs DATASET"
    raise ModelError(f"{runs.name} needs an export of '{model.name}': run `{command}` once.")


def open_export(
    model: ModelFile,
    engine: str,
    *,
    device: str = "auto",
    precision: str = "auto",
    provider: str = "auto",
) -> ExportBackend:
    """Opens the export of a model.

    Args:
        model: The model that was exported, or the export itself.
        engine: A key of ENGINES.
        device: Name of the device, or `auto`.
        precision: The precision to compute in, or `auto`.
        provider: What ONNX Runtime computes with, a key of `onnx_providers.PROVIDERS`, or `auto`.

    Returns:
        The model on its device.

    Raises:
        ModelError: There is no export, it is damaged, or the engine is not installed.
        DeviceError: The device, the provider or the precision is not available.
        UsageError: The provider does not compute on the device.
    """
    return ENGINES[engine].open(find_export(model, precision, engine), device, precision, provider)


def _for_onnxruntime(precision: str) -> list[tuple[str, str]]:
    if precision not in ("auto", *PRECISIONS):
        raise DeviceError(
            f"Exports compute in {', '.join(PRECISIONS)}, not in '{precision}': choose one or auto."
        )
    return [("onnx", name) for name in (PRECISIONS if precision == "auto" else (precision,))]


def _for_openvino(precision: str) -> list[tuple[str, str]]:
    return [("openvino", "int8")] if precision == "int8" else [("onnx", "fp32"), ("openvino", "fp32")]


def _open_onnxruntime(path: Path, device: str, precision: str, provider: str) -> ExportBackend:
    from deraincli.inference.backends.onnx_backend import OnnxBackend

    return OnnxBackend(path, device=device, precision=precision, provider=provider)


def _open_openvino(path: Path, device: str, precision: str, provider: str) -> ExportBackend:
    from deraincli.inference.backends.openvino_backend import OpenVinoBackend
    from deraincli.model_zoo.compiled import CompiledCache

    return OpenVinoBackend(path, device=device, precision=precision, store=CompiledCache())


ENGINES = {
    "onnxruntime": Engine("ONNX Runtime", (".onnx",), _for_onnxruntime, _open_onnxruntime),
    "openvino": Engine("OpenVINO", (".onnx", ".openvino"), _for_openvino, _open_openvino),
}
"""Every backend that runs exports."""
