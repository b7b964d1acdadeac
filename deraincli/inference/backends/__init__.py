"""What runs a network: PyTorch, ONNX Runtime, or a classical method."""
