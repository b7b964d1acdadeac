"""Runs exported models in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deraincli.errors import DeviceError, ModelError
from deraincli.inference.backends.export_backend import IMAGE, ExportBackend
from deraincli.inference.backends.onnx_providers import CPU, Provider, choose_providers, device_name
from deraincli.runtime.installation import install_command
from deraincli.runtime.parallel import usable_threads
from deraincli.runtime.process import default_variable

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_OUT_OF_MEMORY = ("Failed to allocate memory", "bad_alloc", "bad allocation", "out of memory")

_UNLOADABLE = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented")


class OnnxBackend(ExportBackend):
    """An exported model in ONNX Runtime."""

    backend = "onnxruntime"

    def __init__(
        self, path: Path, *, device: str = "auto", precision: str = "auto", provider: str = "auto"
    ) -> None:
        """Opens an ONNX file that `derain weights export` made.

        Args:
            path: The file.
            device: `auto`, `cpu`, `cuda` or `cuda:N`.
            precision: `auto` or the precision of the export.
            provider: `auto` or a key of PROVIDERS.

        Raises:
            ModelError: ONNX Runtime is not installed, or the file is not such an export.
            DeviceError: The device, the provider or the precision is not available.
            UsageError: There is no such provider, or it does not compute on the device.
        """
        wanted = choose_providers(import_runtime().get_available_providers(), device, provider)
        self._session = open_session(str(path), wanted)
        running = [each for each in wanted if each[0] in self._session.get_providers()]
        if running[0] != wanted[0] and (device, provider) != ("auto", "auto"):
            raise DeviceError(
                f"ONNX Runtime cannot use {wanted[0][0]} here, because its libraries or its device are "
                "missing: set device to 'cpu' and provider to 'auto'."
            )
        self.device = device_name(running)
        outputs = [output.name for output in self._session.get_outputs()]
        super().__init__(path, self._session.get_modelmeta().custom_metadata_map, outputs)
        self.precision = self.description.precision
        if precision not in ("auto", self.precision):
            raise DeviceError(
                f"'{path}' computes in {self.precision}, not in '{precision}': leave the precision to auto "
                "or name another export."
            )

    def run_batch(self, pictures: NDArray[np.float32], outputs: Sequence[str] = IMAGE) -> NDArray[np.float32]:
        """Runs the model on a batch, as `ExportBackend.run_batch` describes."""
        try:
            answers = self._session.run(list(outputs), {"rainy": pictures})
        except Exception as error:  # the errors of ONNX Runtime have no other base class
            if not any(text in str(error) for text in _OUT_OF_MEMORY):
                raise
            raise MemoryError(str(error)) from None
        return np.concatenate(answers, axis=1)


def open_session(model: str | bytes, providers: Sequence[Provider] = ((CPU, {}),)) -> InferenceSession:
    """Opens an ONNX model.

    Args:
        model: Path of the file, or its content.
        providers: What to compute with, from `choose_providers`.

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
    # Threads that spin while they wait take the CPUs that they wait for, where other programs run.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False  # the default doubles the memory and saves no time
    try:
        return runtime.InferenceSession(model, options, providers=list(providers))
    except tuple(getattr(failures, name) for name in _UNLOADABLE) as error:
        name = f"'{model}'" if isinstance(model, str) else "The model"
        raise ModelError(
            f"{name} is not an intact ONNX file: make it anew with `derain weights export`."
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
    with default_variable("ORT_DISABLE_TELEMETRY", "1"):
        try:
            import onnxruntime
        except ImportError:
            raise ModelError(
                f"ONNX Runtime is not installed: run `{install_command('onnxruntime')}`."
            ) from None
    return onnxruntime
