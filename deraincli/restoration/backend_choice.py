"""Chooses what runs a network if the user leaves it to the program."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from deraincli.errors import ModelError, UsageError
from deraincli.inference.backends.registry import EXPORT_BACKENDS
from deraincli.model_zoo.catalogue import AUTO_MODEL, SHIPPED
from deraincli.model_zoo.exports import ENGINES
from deraincli.runtime.installation import install_command, is_installed

CPU_WITH_BF16, OTHER_CPU, GPU = "a CPU with bf16", "a CPU without bf16", "a GPU"

MILLISECONDS: Mapping[str, Mapping[str, int]] = {
    CPU_WITH_BF16: {"openvino": 207, "eager": 263, "onnxruntime": 456},
    OTHER_CPU: {"openvino": 417, "onnxruntime": 455, "eager": 493},
}
"""Milliseconds of a pass of balnet-lite at 320×320 by device and backend, the fastest first.

Measured on one thread of an AMD EPYC with AVX-512 bf16, in turn: in `--precision auto`, and for the other
CPUs in fp32 (docs/performance.md). GPUs were not measured, so PyTorch runs there.
"""


def choose_backend(request: str | None, model: str | None, device: str = "auto") -> str:
    """Returns the backend that runs a network.

    PyTorch is the default where it is installed, because a result should not change with the installation of
    another backend.

    Args:
        request: A backend, which is then checked only, `auto` for the fastest that is installed, or None for
            PyTorch (`eager`) if it is installed and `auto` otherwise.
        model: The model as `-m` takes it. `auto` knows exports and the graphs of the shipped models, and runs
            other models in PyTorch.
        device: The device as `--device` takes it.

    Raises:
        UsageError: The model is an export, which PyTorch does not run.
        ModelError: PyTorch is asked for and not installed, or nothing that runs the model is installed.
    """
    if request in EXPORT_BACKENDS:
        return request
    suffix = Path(model or "").suffix
    engines = [name for name in EXPORT_BACKENDS if suffix in ENGINES[name].suffixes]
    if request not in (None, "auto"):
        if engines:
            raise UsageError(f"'{model}' is an export: set backend to auto or {' or '.join(engines)}.")
        if not is_installed("torch"):
            raise ModelError(
                f"The backend '{request}' needs PyTorch, which is not installed: run `{install_command()}`, "
                "or set backend to 'auto'."
            )
        return request
    has_graph = model in (None, AUTO_MODEL.name, *SHIPPED)
    if not engines and is_installed("torch") and (request is None or not has_graph):
        return "eager"
    ranked = ("openvino",) if device == "xpu" else fastest_first(kind_of_device(device))
    for name in ranked:
        if name in (engines or ("eager", *EXPORT_BACKENDS)) and is_installed(_module(name)):
            return name
    raise ModelError(
        f"Nothing that runs {model or 'a model'} is installed: "
        f"run `{install_command(engines[0] if engines else 'openvino')}`."
    )


def fastest_first(kind: str) -> tuple[str, ...]:
    """Returns the backends that `auto` considers, the fastest first.

    Args:
        kind: The kind of device: CPU_WITH_BF16, OTHER_CPU or GPU.
    """
    return tuple(MILLISECONDS.get(kind, ("eager", *EXPORT_BACKENDS)))


def kind_of_device(device: str = "auto") -> str:
    """Returns CPU_WITH_BF16, OTHER_CPU or GPU.

    Args:
        device: The device as `--device` takes it. PyTorch is loaded only if `auto` may mean a GPU.
    """
    if device not in ("auto", "cpu") or (device == "auto" and _has_gpu()):
        return GPU
    cpuinfo = Path("/proc/cpuinfo")
    flags = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    return CPU_WITH_BF16 if flags & {"avx512_bf16", "amx_bf16"} else OTHER_CPU


def _has_gpu() -> bool:
    """Returns whether PyTorch can use a GPU, without loading PyTorch where nothing hints at one."""
    hint = sys.platform == "darwin" or shutil.which("nvidia-smi") or Path("/dev/kfd").exists()
    if not hint or not is_installed("torch"):
        return False
    from deraincli.inference.backends.torch_device import available_devices

    return available_devices() != ["cpu"]


def _module(backend: str) -> str:
    """Returns the module that a backend needs."""
    return "torch" if backend == "eager" else backend
