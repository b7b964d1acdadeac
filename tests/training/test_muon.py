"""Muon against the singular value decomposition and against PyTorch's own, which takes matrices alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from deraincli.models.balnet.blocks import MMB
from deraincli.models.registry import NETWORKS
from deraincli.training.muon import Muon, matrices, orthogonal


@pytest.mark.parametrize("shape", [(48, 432), (64, 64), (96, 16)])
def test_singular_values_become_alike_and_vectors_stay(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    batch = torch.randn(3, *shape, generator=generator) * torch.logspace(-3, 3, 3).view(3, 1, 1)
    for matrix, found in zip(batch, orthogonal(batch), strict=True):
        u, values, vt = torch.linalg.svd(matrix, full_matrices=False)
        kept = u.T @ found @ vt.T
        large = values > 0.1 * values[0]
        assert kept.diagonal()[large].min() > 0.6
        assert kept.diagonal().max() < 1.25
        assert (kept - kept.diagonal().diag()).abs().max() < 1e-3


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this PyTorch has none")
@pytest.mark.parametrize("shape", [(24, 8, 3, 3), (40, 16, 1, 1)])
def test_steps_are_pytorchs_of_the_flattened_weights(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(2)
    ours = [nn.Parameter(torch.randn(shape, generator=generator)) for _ in range(2)]
    theirs = [nn.Parameter(weight.detach().flatten(1).clone()) for weight in ours]
    start = [weight.detach().clone() for weight in ours]
    optimisers = Muon(ours, 0.02), torch.optim.Muon(theirs, 0.02, weight_decay=0)
    for _ in range(3):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn(shape, generator=generator)
            b.grad = a.grad.flatten(1).clone()
        for optimiser in optimisers:
            optimiser.step()
    for a, b, before in zip(ours, theirs, start, strict=True):
        moved, wanted = a - before, b.view(shape) - before
        assert (moved - wanted).norm() < 0.03 * wanted.norm()  # PyTorch's iterates in bfloat16


def test_it_takes_the_weights_of_convolutions_and_nothing_flat() -> None:
    kind = NETWORKS["balnet-lite"]
    network = kind.build(kind.config)
    chosen = matrices(network)
    assert all(weight.ndim == 4 for weight in chosen)
    share = sum(weight.numel() for weight in chosen) / sum(weight.numel() for weight in network.parameters())
    assert share > 0.95
    ids = {id(weight) for weight in chosen}
    for module in network.modules():
        if isinstance(module, MMB):
            assert id(module.fuse.weight) in ids
            assert id(module.fuse.bias) not in ids
