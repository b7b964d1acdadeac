"""The optimiser Muon, for the weights of convolutions: momentum with orthogonalised steps.

After K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024). A convolution's
weight counts as a matrix of outputs by inputs × taps. Without normalisation layers, AdamW is slow on these
networks. DESIGN.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
"""Share of the former momentum in the next one, 0–1."""
ITERATIONS = 5
"""Steps of the iteration that makes singular values nearly equal."""
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients, from the source, of the odd polynomial that drives singular values towards 1."""
LEAST_SIDE = 8
"""Shortest side of a matrix for Muon. Smaller matrices have too few directions to balance."""


def matrices(network: nn.Module) -> list[nn.Parameter]:
    """Returns the weights of a network that Muon should update, in the network's order."""
    return [
        weight
        for weight in network.parameters()
        if weight.ndim == 4 and min(weight.shape[0], weight[0].numel()) >= LEAST_SIDE
    ]


class Muon(torch.optim.Optimizer):
    """Moves every weight by `lr` times a matrix whose singular values are near 1.

    Steps of tall matrices are multiplied by the square root of height / width.
    """

    def __init__(self, weights: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(weights, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Makes one step along the momentum, with Nesterov's look-ahead. Weights of one shape are batched.

        Args:
            closure: Not used.
        """
        for group in self.param_groups:
            alike: dict[tuple[int, ...], list[nn.Parameter]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    alike.setdefault(tuple(weight.shape), []).append(weight)
            for weights in alike.values():
                self._move(weights, group["lr"])

    def _move(self, weights: list[nn.Parameter], rate: float) -> None:
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        momenta = [self._momentum(weight) for weight in weights]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        ahead = torch._foreach_lerp(gradients, momenta, MOMENTUM)
        directions = orthogonal(torch.stack([each.flatten(1) for each in ahead]).float())
        height, width = directions.shape[1:]
        directions *= -rate * max(1, height / width) ** 0.5
        for weight, direction in zip(weights, directions, strict=True):
            weight.add_(direction.view(weight.shape))

    def _momentum(self, weight: nn.Parameter) -> Tensor:
        state: dict[str, Any] = self.state[weight]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(weight)
        return state["momentum"]


def orthogonal(batch: Tensor) -> Tensor:
    """Returns matrices, N×h×w, with the same singular vectors and all singular values near 1."""
    tall = batch.shape[1] > batch.shape[2]
    x = batch.mT if tall else batch
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x
