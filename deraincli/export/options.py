"""Targets and precisions of exports.

This module does not import PyTorch, so that invalid choices are reported immediately.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from deraincli.errors import ModelError, UsageError
from deraincli.model_zoo.exports import PRECISIONS
from deraincli.runtime.installation import install_command, is_installed, missing_sentence

TARGETS = ("onnx", "openvino", "pt2", "safetensors")
SUFFIXES = {f".{target}": target for target in TARGETS}
"""Target that a file's suffix stands for. Other suffixes are allowed for any target."""


def check_choices(target: str, precision: str, pairs: Path | None) -> None:
    """Checks that a target, a precision and a paired set go together.

    Args:
        target: One of TARGETS.
        precision: One of `model_zoo.exports.PRECISIONS`.
        pairs: Folder of a paired set, which int8 requires.

    Raises:
        UsageError: The target or the precision is unknown, the target is not available in that precision,
            or int8 has no paired set.
        ModelError: A required package is not installed.
    """
    if target not in TARGETS:
        raise UsageError(f"Unknown target {target!r}: choose {', '.join(TARGETS)}.")
    if precision not in PRECISIONS:
        raise UsageError(f"Exports are in {', '.join(PRECISIONS)}, not in {precision!r}.")
    if target == "pt2" and precision != "fp32":
        raise UsageError("pt2 is exported in fp32: PyTorch's .half() or .to(…) converts it once loaded.")
    if target == "safetensors" and precision == "int8":
        raise UsageError("int8 is for exports to onnx and openvino: a model file is in fp32 or fp16.")
    if precision == "int8" and pairs is None:
        raise UsageError("int8 is measured before it is written: name a paired set by --pairs.")
    if target in ("onnx", "openvino"):
        _require_packages(target, precision)


def check_suffix(output: Path, target: str) -> None:
    """Checks that an output file's suffix does not stand for another target.

    Args:
        output: The file to write.
        target: One of TARGETS.

    Raises:
        UsageError: The suffix stands for another target.
    """
    promised = SUFFIXES.get(output.suffix, target)
    if promised != target:
        raise UsageError(
            f"'{output}' would be taken for {promised}, but --to is {target}: change one of them."
        )


def _require_packages(target: str, precision: str) -> None:
    """Raises ModelError if a package is missing that conversion, quantisation or the engine needs."""
    if not is_installed("torch"):  # before the others, which are of no use without it
        raise ModelError(missing_sentence("torch"))
    needed = ["onnx", "onnxscript"]
    if target == "openvino" and precision == "int8":
        needed.append("nncf")
    for package in needed:
        if find_spec(package) is None:
            extra = "nncf" if package == "nncf" else "export"
            raise ModelError(f"This export needs {package}: install it with `{install_command(extra)}`.")
    if target == "openvino":
        from deraincli.inference.backends.openvino_file import import_openvino

        import_openvino()
    else:
        from deraincli.inference.backends.onnx_backend import import_runtime

        import_runtime()
