"""The variants of `examples/ablations/variants.py`: what each changes, and that it changes nothing else."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

from deraincli.models.balnet.config import BALNET_LITE
from deraincli.models.balnet.network import BALNet

SCRIPT = Path(__file__).parents[1] / "examples/ablations/variants.py"


@pytest.fixture(scope="module")
def variants() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


@pytest.fixture
def rainy() -> torch.Tensor:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def shaken(network: BALNet) -> BALNet:
    """The network with other weights than those it begins with, of which many are zero."""
    generator = torch.Generator().manual_seed(2)
    for weight in network.parameters():
        weight.data.add_(0.05 * torch.randn(weight.shape, generator=generator))
    return network.eval()


@torch.no_grad()
def test_no_residual_passes_where_both_maps_are_zero(variants, rainy: torch.Tensor) -> None:
    network = shaken(variants["GatedOutput"](BALNET_LITE))
    assert not network(rainy).image.equal(rainy)
    for branch in (network.attention.ram, network.attention.cam):
        branch.net.head.weight.zero_()
        branch.net.head.bias = torch.nn.Parameter(torch.full((4,), -torch.inf))
    assert network(rainy).image.equal(rainy)


@torch.no_grad()
def test_without_its_injections_a_steered_decoder_is_balnet(variants, rainy: torch.Tensor) -> None:
    network, plain = shaken(variants["SteeredDecoder"](BALNET_LITE)), BALNet(BALNET_LITE).eval()
    plain.attention.load_state_dict(network.attention.state_dict())
    plain.restorer.load_state_dict(network.restorer.net.state_dict())
    assert not network(rainy).image.equal(plain(rainy).image)
    for injection in network.restorer.inject:
        injection.project.weight.zero_()
        injection.project.bias.zero_()
    assert network(rainy).image.equal(plain(rainy).image)


def test_a_far_cam_leaves_out_the_surroundings_of_rain(variants) -> None:
    clean = torch.zeros(1, 3, 40, 40)
    rainy = clean.clone()
    rainy[:, :, 20, 15] = 1
    ram, cam = variants["far_targets"](rainy, clean)
    assert ram.nonzero().tolist() == [[0, 0, 20, 15]]
    far = variants["FAR"]
    expected = torch.ones(1, 1, 40, 40)
    expected[:, :, 20 - far : 21 + far, 15 - far : 16 + far] = 0
    assert cam.equal(expected)
