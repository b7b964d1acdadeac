"""BAL-Net against what is known of it, and the laws its parts obey."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from deraincli.models.balnet.blocks import SE_CELL, SqueezeExcite
from deraincli.models.balnet.config import BALNET, BALNET_LITE, BALNET_SMALL, BALNetConfig
from deraincli.models.balnet.network import BALNet
from deraincli.models.balnet.unet import MultiScaleUNet
from deraincli.models.registry import NETWORKS

SMALL = replace(
    BALNET_LITE,
    restoration=replace(BALNET_LITE.restoration, widths=(16, 16, 16), pairs=(1, 1)),
)


def awake(config: BALNetConfig, std: float = 0.1) -> BALNet:
    """A network in eval mode whose heads, zero at first, say something."""
    torch.manual_seed(0)
    network = BALNet(config).eval()
    for module in network.modules():
        if isinstance(module, MultiScaleUNet):
            nn.init.normal_(module.head.weight, std=std)
    return network


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def gigaflops(network: nn.Module, side: int = 320) -> float:
    with torch.device("meta"):
        picture = torch.empty(1, 3, side, side)
    with FlopCounterMode(display=False) as counter:
        network.to("meta").eval()(picture)
    return counter.get_total_flops() / 1e9


@pytest.mark.parametrize(
    ("options", "count", "flops"),
    [
        ({}, 27_393_708, 316.8),
        ({"attention": "ram"}, 25_753_996, 292.6),
        ({"attention": "cam"}, 25_753_996, 292.6),
        ({"squeeze_excite": False}, 27_113_536, 316.8),
        ({"restorer": "pix2pix"}, 19_947_075, 66.0),
    ],
)
def test_full_network_counts_what_the_method_states(options: dict, count: int, flops: float) -> None:
    network = BALNet(replace(BALNET, **options))
    assert parameters(network) == count
    assert gigaflops(network) == pytest.approx(flops, abs=0.05)


def test_attention_branch_counts_what_the_method_states() -> None:
    attention = BALNet(BALNET).attention
    assert attention is not None
    assert parameters(attention.ram) == parameters(attention.cam) == 1_639_712


def test_lite_stays_within_its_budget() -> None:
    network = BALNet(BALNET_LITE)
    assert parameters(network) <= 1_000_000
    assert gigaflops(network) <= 35


def test_small_stays_within_its_budget() -> None:
    network = BALNet(BALNET_SMALL)
    assert 2_000_000 <= parameters(network) <= 5_000_000
    assert gigaflops(network) <= 60


def test_prenet_counts_what_its_paper_states() -> None:
    kind = NETWORKS["prenet"]
    assert parameters(kind.build(kind.config)) == 168_963


@pytest.mark.parametrize("attention", ["ram", "cam"])
def test_single_map_has_its_opposite(attention: str) -> None:
    network = BALNet(replace(SMALL, attention=attention)).eval()
    result = network(torch.rand(1, 3, 64, 64))
    torch.testing.assert_close(result.ram + result.cam, torch.ones(1, 1, 64, 64))


def test_without_attention_there_are_no_maps() -> None:
    result = BALNet(replace(SMALL, attention="none")).eval()(torch.rand(1, 3, 64, 64))
    assert result.ram is None
    assert result.cam is None


def test_maps_steer_the_result() -> None:
    network = awake(SMALL)
    picture = torch.rand(1, 3, 64, 64)
    steered = network(picture).image
    for branch in (network.attention.ram, network.attention.cam):
        branch.net.head.weight.data.zero_()  # sigmoid(0): flat maps of a half
    assert (network(picture).image - steered).abs().max() > 1e-4


def test_untrained_network_returns_the_picture() -> None:
    picture = torch.rand(2, 3, 64, 96)
    torch.testing.assert_close(BALNet(SMALL).eval()(picture).image, picture)


def test_every_parameter_learns() -> None:
    """A parameter without a gradient would be dead weight."""
    network = awake(SMALL).train()
    result = network(torch.rand(2, 3, 64, 64))
    (result.image.square().mean() + result.ram.mean() + result.cam.mean()).backward()
    dead = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert dead == []


def test_bf16_stays_close_to_fp32() -> None:
    network = awake(SMALL, std=0.01)
    picture = torch.rand(1, 3, 64, 64)
    exact = network(picture).image
    assert (network.bfloat16()(picture).image - exact).abs().max() < 0.02


def windowed_gate_input(x: torch.Tensor, cell: int) -> torch.Tensor:
    """Slow and obvious: the mean over the five by five cells around each cell, as far as they exist."""
    _, _, height, width = x.shape
    rows, columns = height // cell, width // cell
    means = x.new_zeros(*x.shape[:2], rows, columns)
    for i in range(rows):
        for j in range(columns):
            top, left = max(0, i - 2) * cell, max(0, j - 2) * cell
            means[:, :, i, j] = x[:, :, top : (i + 3) * cell, left : (j + 3) * cell].mean((2, 3))
    return means


def test_windowed_squeeze_excite_equals_its_definition() -> None:
    torch.manual_seed(0)
    se = SqueezeExcite(8, 4, stride=4).eval()
    x = torch.randn(2, 8, 56, 72)
    gate = se.gate(windowed_gate_input(x, SE_CELL // 4))
    gate = nn.functional.interpolate(gate, size=(56, 72), mode="bilinear", align_corners=False)
    torch.testing.assert_close(se(x), x * gate)


def test_squeeze_excite_pools_alike_in_training_and_on_flat_features() -> None:
    se = SqueezeExcite(4, 4, stride=8)
    flat = torch.rand(1, 4, 1, 1).expand(1, 4, 32, 32)
    torch.testing.assert_close(se.train()(flat), se.eval()(flat))


def test_far_away_pixels_do_not_change_a_place() -> None:
    """The network is local at inference: a change beyond the windows leaves the rest as it was."""
    network = awake(SMALL)
    picture = torch.rand(1, 3, 64, 1600)
    changed = picture.clone()
    changed[..., 1500:] = 0
    difference = (network(picture).image - network(changed).image).abs().amax((0, 1, 2))
    assert difference[:400].max() < 1e-6
    assert difference[1500:].max() > 1e-2


def test_config_refuses_levels_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="pairs needs 2 numbers"):
        replace(BALNET_LITE.restoration, pairs=(1,))


def test_pix2pix_needs_maps() -> None:
    with pytest.raises(ValueError, match="needs attention maps"):
        BALNetConfig(BALNET.restoration, BALNET.branch, attention="none", restorer="pix2pix")
