"""The names of all backends, as `--backend` takes them."""

from __future__ import annotations

TORCH_BACKENDS = ("eager", "compile", "cudagraphs")
"""Ways in which PyTorch runs a network."""

EXPORT_BACKENDS = ("onnxruntime", "openvino")
"""Programs that run an export without PyTorch. Their modules have the same names."""

BACKENDS = (*TORCH_BACKENDS, *EXPORT_BACKENDS)
