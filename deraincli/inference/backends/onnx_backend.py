"""Runs exported models in ONNX Runtime."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deraincli.errors import DeviceError, ModelError
from deraincli.inference.backends.export_backend import ExportBackend
from deraincli.runtime.installation import install_command
from deraincli.runtime.parallel import usable_threads

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

_OUT_OF_MEMORY = ("Failed to allocate memory", "bad_alloc", "bad allocation", "out of memory")

_UNLOADABLE = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented")


class OnnxBackend(ExportBackend):
    """An exported model in ONNX Runtime."""

    backend = "onnxruntime"
    memory_factor = 2.5

    def __init__(self, path: Path, *, device: str = "auto", precision: str = "auto") -> None:
        """Opens an ONNX file that `derain weights export` made.

        Args:
            path: The file.
            device: `auto`, `cpu`, `cuda` or `cuda:N`.
            precision: `auto` or the precision of the export.

        Raises:
            ModelError: ONNX Runtime is not installed, or the file is not such an export.
            DeviceError: The device or the precision is not available.
        """
        provider, number = _choose_provider(device)
        self._session = open_session(str(path), provider, number)
        self.device = "cpu" if CUDA not in self._session.get_providers() else f"cuda:{number}"
        if self.device == "cpu" and provider == CUDA and device != "auto":
            raise DeviceError("ONNX Runtime does not find CUDA's libraries: set device to 'cpu'.")
        super().__init__(path, self._session.get_modelmeta().custom_metadata_map)
        self.precision = self.description.precision
        if precision not in ("auto", self.precision):
            raise DeviceError(
                f"'{path}' computes in {self.precision}, not in '{precision}': leave the precision to auto "
                "or name another export."
            )

    def run_batch(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """Runs the model on a batch, as `ExportBackend.run_batch` describes."""
        try:
            (answer,) = self._session.run(["image"], {"rainy": pictures})
        except Exception as error:  # the errors of ONNX Runtime have no other base class
            if not any(text in str(error) for text in _OUT_OF_MEMORY):
                raise
            raise MemoryError(str(error)) from None
        return answer


def open_session(model: str | bytes, provider: str = CPU, device_number: int = 0) -> InferenceSession:
    """Opens an ONNX model.

    Args:
        model: Path of the file, or its content.
        provider: CPU or CUDA.
        device_number: Number of the CUDA device.

    Returns:
        The session.

    Raises:
        ModelError: The model is damaged, or ONNX Runtime is not installed.
    """
    runtime = import_runtime()
    failures = runtime.capi.onnxruntime_pybind11_state
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # every error also arrives as an exception
    options.intra_op_num_threads = usable_threads()  # the default fails to pin threads in containers
    options.enable_mem_pattern = False  # the default doubles the memory and saves no time
    chosen: list[Any] = [(CUDA, {"device_id": device_number}), CPU] if provider == CUDA else [CPU]
    try:
        return runtime.InferenceSession(model, options, providers=chosen)
    except tuple(getattr(failures, name) for name in _UNLOADABLE) as error:
        name = f"'{model}'" if isinstance(model, str) else "The model"
        raise ModelError(
            f"{name} is no intact ONNX file: make it anew with `derain weights export`."
        ) from error


def import_runtime() -> Any:
    """Imports onnxruntime without its telemetry.

    Import it nowhere else. The import alone starts the telemetry, which stores an identity in XDG_CACHE_HOME,
    unless an environment variable forbids it.

    Returns:
        The module onnxruntime.

    Raises:
        ModelError: It is not installed. The message names the extra that brings it.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError:
        raise ModelError(f"ONNX Runtime is not installed: run `{install_command('onnxruntime')}`.") from None
    return onnxruntime


def _choose_provider(device: str) -> tuple[str, int]:
    """Returns ONNX Runtime's provider and the device's number for `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises DeviceError if this build of ONNX Runtime does not have the device.
    """
    available = import_runtime().get_available_providers()
    name, _, number = device.partition(":")
    if CUDA in available and (device == "auto" or (name == "cuda" and (number or "0").isdigit())):
        return CUDA, int(number or 0)
    if device in ("auto", "cpu"):
        return CPU, 0
    choices = "cpu, cuda, cuda:N or auto" if CUDA in available else "cpu or auto"
    raise DeviceError(f"This ONNX Runtime has no device '{device}': choose {choices}.")
