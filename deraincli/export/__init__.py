"""Models for other programs: ONNX, TorchScript and torch.export files, checked against PyTorch."""
