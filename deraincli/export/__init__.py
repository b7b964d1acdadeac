"""Models for other programs: ONNX and torch.export files, checked against PyTorch."""
