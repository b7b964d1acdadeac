"""Runs exported models in OpenVINO."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from deraincli.errors import DeviceError
from deraincli.inference.backends.export_backend import IMAGE, ExportBackend
from deraincli.inference.backends.openvino_file import import_openvino, metadata_of, openvino_core, read_model
from deraincli.runtime.parallel import usable_threads

if TYPE_CHECKING:
    from openvino import CompiledModel, Core

DEVICES = {"cpu": "CPU", "xpu": "GPU"}
"""OpenVINO's name of every device. `xpu` is an Intel GPU, as in PyTorch."""

TYPES = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
"""OpenVINO's name of every precision that it can be asked to compute in."""

COMPILED_SHAPES = 4
"""Number of shapes for which a compiled model is kept in memory. A compiled model also keeps the memory of
its activations."""

_OUT_OF_MEMORY = ("bad_alloc", "bad allocation", "out of memory", "Failed to allocate", "Cannot allocate")


class CompiledStore(Protocol):
    """Keeps compiled models, so that a later process need not compile again."""

    def read(self, key: str) -> bytes | None:
        """Returns what was written for a key, None if it is missing or damaged."""

    def write(self, key: str, data: bytes) -> None:
        """Keeps data for a key, if that is possible."""


class OpenVinoBackend(ExportBackend):
    """An exported model in OpenVINO.

    OpenVINO compiles the model for the shape of a batch when it first meets that shape. Kernels for one known
    shape are faster than kernels for every shape.
    """

    backend = "openvino"

    def __init__(
        self,
        path: Path,
        *,
        device: str = "auto",
        precision: str = "auto",
        store: CompiledStore | None = None,
    ) -> None:
        """Reads a file that `derain weights export` made.

        Args:
            path: An ONNX file or an archive of OpenVINO.
            device: `auto` or a name of DEVICES. `auto` is the CPU.
            precision: `auto`, a name of TYPES that the device computes in, or `int8` for such an export.
            store: Where compiled models are kept. None keeps them in memory alone.

        Raises:
            ModelError: OpenVINO is not installed, or the file is not such an export.
            DeviceError: The device or the precision is not available.
        """
        self._core = openvino_core()
        self.device = _choose_device(self._core, device)
        self._model = read_model(path)
        outputs = [output.any_name for output in self._model.outputs]
        super().__init__(path, metadata_of(self._model), outputs)
        exported = self.description.precision
        if (precision == "int8") != (exported == "int8") and precision != "auto":
            raise DeviceError(
                f"'{path}' is an export in {exported} and does not compute in '{precision}': leave the "
                "precision to auto or name another export."
            )
        computed = _choose_precision(self._core, self.device, "auto" if precision == "int8" else precision)
        self.precision = "int8" if exported == "int8" else computed
        self._settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": TYPES[computed], "NUM_STREAMS": 1}
        if self.device == "cpu":
            self._settings |= {"INFERENCE_NUM_THREADS": usable_threads(), "ENABLE_CPU_PINNING": False}
        self._store = store
        self._identity = _identity(self._core, DEVICES[self.device], self._settings, path)
        self._compiled: OrderedDict[tuple[int, ...], CompiledModel] = OrderedDict()
        self._compiling = threading.Lock()

    def run_batch(self, pictures: NDArray[np.float32], outputs: Sequence[str] = IMAGE) -> NDArray[np.float32]:
        """Runs the model on a batch, as `ExportBackend.run_batch` describes."""
        try:
            request = self._compiled_for(pictures.shape).create_infer_request()
            answers = request.infer({"rainy": pictures})
            return np.concatenate([answers[name] for name in outputs], axis=1)
        except RuntimeError as error:  # the class of all of OpenVINO's errors
            if not any(text in str(error) for text in _OUT_OF_MEMORY):
                raise
            shortage = str(error)
        raise MemoryError(shortage)

    def _compiled_for(self, shape: tuple[int, ...]) -> CompiledModel:
        """Returns the model for one shape of the input: from memory, from the store, or compiled now."""
        with self._compiling:
            compiled = self._compiled.pop(shape, None) or self._stored(shape) or self._compile(shape)
            self._compiled[shape] = compiled  # at the end, as the one that was used last
            if len(self._compiled) > COMPILED_SHAPES:
                self._compiled.popitem(last=False)
            return compiled

    def _stored(self, shape: tuple[int, ...]) -> CompiledModel | None:
        data = self._store.read(self._key(shape)) if self._store else None
        if data is None:
            return None
        try:
            return self._core.import_model(data, DEVICES[self.device], self._settings)
        except RuntimeError:  # compiled by another build that has the same key
            return None

    def _compile(self, shape: tuple[int, ...]) -> CompiledModel:
        model = self._model.clone()
        model.reshape({"rainy": list(shape)})
        compiled = self._core.compile_model(model, DEVICES[self.device], self._settings)
        if self._store:
            self._store.write(self._key(shape), compiled.export_model().getvalue())
        return compiled

    def _key(self, shape: tuple[int, ...]) -> str:
        return hashlib.sha256(f"{self._identity} {shape}".encode()).hexdigest()


def _choose_device(core: Core, request: str) -> str:
    """Returns a name of DEVICES. Raises DeviceError if OpenVINO does not find the device here."""
    found = [name for name, theirs in DEVICES.items() if theirs in core.available_devices]
    device = "cpu" if request == "auto" else request
    if device not in found:
        raise DeviceError(f"OpenVINO finds no device '{request}' here: choose {', '.join(found)} or auto.")
    return device


def _choose_precision(core: Core, device: str, request: str) -> str:
    """Returns a name of TYPES. Raises DeviceError if the device does not compute in it."""
    capabilities = core.get_property(DEVICES[device], "OPTIMIZATION_CAPABILITIES")
    supported = [name for name in ("bf16", "fp16") if name.upper() in capabilities] + ["fp32"]
    if request == "auto":
        return supported[0]
    if request not in supported:
        raise DeviceError(
            f"OpenVINO does not compute in '{request}' on '{device}' here: choose from "
            f"{', '.join(supported)} or auto."
        )
    return request


def _identity(core: Core, device: str, settings: dict[str, Any], path: Path) -> str:
    """Returns a text that differs between compiled models that cannot stand for each other."""
    parts = [
        import_openvino().__version__,
        core.get_property(device, "FULL_DEVICE_NAME"),
        core.get_property(device, "OPTIMIZATION_CAPABILITIES"),
        settings,
        hashlib.sha256(path.read_bytes()).hexdigest(),
    ]
    return " ".join(map(str, parts))
