"""Deeper networks that begin as a shallower one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from deraincli.models.balnet.config import BALNET, BALNET_LITE, BALNET_SMALL, BALNetConfig
from deraincli.models.balnet.net2net import deepened, deepens
from deraincli.models.balnet.network import BALNet
from deraincli.models.baselines.ddn import DDNConfig


def learnt(config: BALNetConfig) -> BALNet:
    """A network whose weights are all away from where they start, as after some training."""
    network = BALNet(config)
    for weights in network.parameters():
        torch.nn.init.normal_(weights, std=0.05)
    return network.eval()


def test_it_computes_what_the_shallower_network_does_and_learns_in_every_block() -> None:
    torch.manual_seed(0)
    shallow = learnt(BALNET_LITE)
    deep = deepened(shallow, BALNET_SMALL).eval()
    picture = torch.rand(1, 3, 64, 64)
    before, after = shallow(picture), deep(picture)
    for old, new in zip(before, after, strict=True):
        torch.testing.assert_close(new, old)
    after.image.square().mean().backward()
    further = deep.state_dict().keys() - shallow.state_dict().keys()
    ends = [key for key in further if key.endswith(".fuse.weight")]
    assert len(ends) == 2 * (2 * (4 - 2) + 2 * (4 - 1) + (4 - 1))
    assert all(deep.get_parameter(key).grad.abs().max() > 0 for key in ends)


def wider(config: BALNetConfig) -> BALNetConfig:
    return replace(config, restoration=replace(config.restoration, growth=(48, 32, 32)))


@pytest.mark.parametrize(
    ("config", "shallower", "expected"),
    [
        (BALNET_SMALL, BALNET_LITE, True),
        (BALNET_LITE, BALNET_SMALL, False),
        (BALNET, BALNET_LITE, False),
        (wider(BALNET_SMALL), BALNET_LITE, False),
        (replace(BALNET_SMALL, squeeze_excite=False), BALNET_LITE, False),
        (BALNET_SMALL, DDNConfig(), False),
    ],
)
def test_only_further_blocks_deepen(config: BALNetConfig, shallower, expected: bool) -> None:
    assert deepens(config, shallower) is expected
