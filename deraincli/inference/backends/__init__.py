"""Backends that restore tiles: PyTorch, ONNX Runtime, OpenVINO and classical methods."""
