"""The table of backends, by the names that `--backend` takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from deraincli.inference.backends.base import Backend

TORCH_BACKENDS = ("eager", "compile", "cudagraphs")
"""Ways in which PyTorch runs a network."""


class OpenExport(Protocol):
    """Function that opens the export of a model."""

    def __call__(self, path: Path, *, device: str, precision: str) -> Backend:
        """Opens an ONNX file that `derain weights export` made.

        Args:
            path: The file.
            device: Name of the device, or `auto`.
            precision: Precision of the computation, or `auto`.

        Raises:
            ModelError: The program is not installed, or the file is not such an export.
            DeviceError: The device or the precision is not available.
        """


def _open_in_onnx_runtime(path: Path, *, device: str, precision: str) -> Backend:
    from deraincli.inference.backends.onnx_backend import OnnxBackend

    return OnnxBackend(path, device=device, precision=precision)


EXPORT_BACKENDS: Mapping[str, OpenExport] = {"onnxruntime": _open_in_onnx_runtime}
"""Programs that run an export without PyTorch. They give no attention maps."""

BACKENDS = (*TORCH_BACKENDS, *EXPORT_BACKENDS)
