"""What this installation consists of, for reports of faults."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import metadata

from deraincli.runtime.installation import is_installed


def describe_installation() -> Iterator[str]:
    """Yields lines: Python and the system, PyTorch with the device and precision of `auto`, the others."""
    yield f"Python {platform.python_version()} on {platform.platform()}"
    yield f"PyTorch {_version('torch')}{', ' + _torch_choice() if is_installed('torch') else ''}"
    yield f"ONNX Runtime {_version('onnxruntime')}, OpenVINO {_version('openvino')}"


def _torch_choice() -> str:
    """Returns where PyTorch runs by default. A broken PyTorch is described, because it is worth a report."""
    try:
        from deraincli.inference.backends.torch_device import choose_device, choose_precision

        device = choose_device("auto")
    except (ImportError, OSError) as error:
        return f"which cannot be used: {error}"
    return f"runs on {device} in {choose_precision('auto', device)}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
