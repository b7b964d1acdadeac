"""Exports models to ONNX, OpenVINO and torch.export files and compares them with PyTorch."""
