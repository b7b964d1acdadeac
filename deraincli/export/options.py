"""What a model can be exported to. Free of PyTorch, so that an impossible wish is told at once."""

from __future__ import annotations

from pathlib import Path

from deraincli.errors import ModelError, UsageError
from deraincli.model_zoo.exports import PRECISIONS

TARGETS = ("onnx", "pt2", "safetensors")
SUFFIXES = {".onnx": "onnx", ".pt2": "pt2", ".safetensors": "safetensors"}
"""What a file's name promises; other suffixes promise nothing."""


def check_choices(target: str, precision: str, pairs: Path | None) -> None:
    """Check that a target, a precision and a paired set go together.

    Raises:
        UsageError: there is no such target or precision, the target does not come in that precision, or
            int8 lacks a paired set.
        ModelError: a package is missing.
    """
    if target not in TARGETS:
        raise UsageError(f"Unknown target {target!r}: choose {', '.join(TARGETS)}.")
    if precision not in PRECISIONS:
        raise UsageError(f"Exports are in {', '.join(PRECISIONS)}, not in {precision!r}.")
    if target == "pt2" and precision != "fp32":
        raise UsageError("pt2 is exported in fp32: PyTorch's .half() or .to(…) converts it once loaded.")
    if target == "safetensors" and precision == "int8":
        raise UsageError("int8 is for ONNX exports: a model file is in fp32 or fp16.")
    if precision == "int8" and pairs is None:
        raise UsageError("int8 is measured before it is written: name a paired set by --pairs.")
    if target == "onnx":
        _require_onnx()


def check_suffix(output: Path, target: str) -> None:
    """Raises UsageError for a file name that promises another target."""
    promised = SUFFIXES.get(output.suffix, target)
    if promised != target:
        raise UsageError(
            f"'{output}' would be taken for {promised}, but --to is {target}: change one of them."
        )


def _require_onnx() -> None:
    from deraincli.inference.backends.onnx_backend import import_runtime

    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ModelError(
            f"ONNX exports need {error.name}: install it with `pip install 'deraincli[export]'`."
        ) from None
    import_runtime()
