"""Every network of the table keeps the promises of `RestorationNetwork`."""

from __future__ import annotations

import pytest
import torch

from deraincli.geometry import round_up
from deraincli.models.base import RestorationNetwork
from deraincli.models.registry import NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_has_its_config_and_restores_multiples_of_its_size(name: str) -> None:
    config = NETWORKS[name].config
    with torch.device("meta"):  # shapes only
        network = NETWORKS[name].build(config).eval()
    assert isinstance(network, RestorationNetwork)
    assert network.config == config
    assert network.tile_margin > 0
    side = round_up(64, network.size_multiple)
    rainy = torch.zeros(2, 3, side, side + network.size_multiple, device="meta")
    image, ram, cam = network(rainy)
    assert (image.shape, image.dtype) == (rainy.shape, torch.float32)
    assert (ram is None) == (cam is None)
    if ram is not None:
        assert ram.shape == cam.shape == (2, 1, *rainy.shape[2:])
