"""Backends that restore tiles: PyTorch, ONNX Runtime and classical methods."""
