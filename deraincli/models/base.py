"""What every deraining network has, takes and returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor, nn

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class NetworkOutput(NamedTuple):
    """The restored picture and the attention maps, if the network has them."""

    image: Tensor
    """B×3×H×W, the estimate of the clean picture, 0–1 but not clamped."""
    ram: Tensor | None = None
    """B×1×H×W in 0–1: rainy regions related attention map."""
    cam: Tensor | None = None
    """B×1×H×W in 0–1: clean regions related attention map."""


class RestorationNetwork(nn.Module):
    """Base class of all deraining networks.

    Weights may be float32, bfloat16 or float16. Inputs and outputs are float32.
    """

    config: DataclassInstance
    """The frozen config that the network was built from. Model files store it with the weights."""
    size_multiple: int
    """Sides of the input, and origins of tiles, must be multiples of this."""
    tile_margin: int
    """Pixels of context that a tile needs on every side."""

    def forward(self, rainy: Tensor) -> NetworkOutput:
        """Restores a batch.

        Args:
            rainy: B×3×H×W in 0–1. H and W must be multiples of `size_multiple`.

        Returns:
            The restored batch, and the maps if the network has them.
        """
        raise NotImplementedError
