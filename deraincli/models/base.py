"""Output of every deraining network."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class NetworkOutput(NamedTuple):
    """The restored picture and the attention maps, if the network has them."""

    image: Tensor
    """B×3×H×W, the estimate of the clean picture, 0–1 but not clamped."""
    ram: Tensor | None = None
    """B×1×H×W in 0–1: rainy regions related attention map."""
    cam: Tensor | None = None
    """B×1×H×W in 0–1: clean regions related attention map."""
