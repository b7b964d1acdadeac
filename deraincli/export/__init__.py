"""Exports models to ONNX and torch.export files for other programs and checks them against PyTorch."""
