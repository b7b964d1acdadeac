"""Reads files that `torch.save` wrote, but only tensors and plain values, so a pickle cannot run code."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch


def load_plain(path: Path) -> Any:
    """Reads a file of tensors and plain values, onto the CPU.

    Args:
        path: The file.

    Returns:
        Whatever the file holds.

    Raises:
        OSError: The file cannot be opened.
        ValueError: The file is damaged, of another kind, or holds other objects.
    """
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of what ends in an exception anyway
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except Exception:  # foreign bytes make the unpickler raise almost anything
            raise ValueError(f"{path} is not an intact PyTorch file of plain values") from None
