"""Maps recorded at every encoder level: what they are, and that recording leaves no trace."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from deraincli.inference.backends.attention_recorder import recorded_levels
from deraincli.inference.backends.torch_backend import TorchBackend
from deraincli.models.balnet.config import BALNET_LITE, BALNetConfig
from deraincli.models.balnet.network import BALNet
from deraincli.restoration.derainer import Derainer, ModelDerainer


def network(config: BALNetConfig = BALNET_LITE) -> BALNet:
    """Random weights whose maps and residual are not flat."""
    torch.manual_seed(0)
    made = BALNet(config)
    for name, parameter in made.named_parameters():
        if name.endswith("head.weight"):
            torch.nn.init.normal_(parameter, std=0.05)
    return made.eval()


def derainer(
    config: BALNetConfig = BALNET_LITE, precision: str = "fp32", tile: int | str = "off"
) -> Derainer:
    return ModelDerainer(
        "random", TorchBackend(network(config), device="cpu", precision=precision), tile, "auto", "auto"
    )


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def hooks(module: torch.nn.Module) -> int:
    return sum(len(part._forward_pre_hooks) + len(part._forward_hooks) for part in module.modules())


@pytest.mark.parametrize("attention", ["bi", "ram", "cam"])
def test_levels_are_block_means_of_the_maps(attention):
    """Of the maps at full size, by the definition of the injection; also for one map and its opposite."""
    model = derainer(replace(BALNET_LITE, attention=attention))
    result = model.restore(picture(64, 96), levels=True)
    assert model.level_strides == (2, 4, 8)
    assert result.levels.shape == (3, 2, 64, 96)
    for stride, level in zip(model.level_strides, result.levels, strict=True):
        for whole, recorded in zip((result.ram, result.cam), level, strict=True):
            blocks = whole.reshape(64 // stride, stride, 96 // stride, stride).mean((1, 3))
            np.testing.assert_allclose(recorded, np.kron(blocks, np.ones((stride, stride))), atol=1e-6)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("tile", ["off", 64])
def test_recording_changes_no_bit(precision, tile):
    model, pixels = derainer(precision=precision, tile=tile), picture(100, 150)
    plain = model.restore(pixels)
    recorded = model.restore(pixels, levels=True)
    with_maps = model.restore(pixels, maps=True)
    np.testing.assert_array_equal(recorded.image, plain.image)
    np.testing.assert_array_equal(recorded.ram, with_maps.ram)
    np.testing.assert_array_equal(recorded.cam, with_maps.cam)
    assert recorded.levels.shape == (3, 2, 100, 150)
    assert with_maps.levels.size == 0


def test_hooks_last_as_long_as_the_recording_also_after_an_error():
    recording, x = network(), torch.rand(1, 3, 64, 64)
    with torch.inference_mode(), recorded_levels([recording]) as levels:
        assert hooks(recording) == 3
        recording(x)
        assert len(levels) == 3
    assert hooks(recording) == 0
    with pytest.raises(RuntimeError), recorded_levels([recording]):
        recording(x[:, :2])
    assert hooks(recording) == 0


def test_only_the_last_run_of_this_thread_is_recorded():
    recording = network()
    first, last = torch.zeros(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    with torch.inference_mode(), recorded_levels([recording]) as levels, ThreadPoolExecutor(1) as other:
        recording(first)
        ram = recording(last).ram
        other.submit(torch.inference_mode()(recording), first).result()
    assert len(levels) == 3
    torch.testing.assert_close(levels[0][0], torch.nn.functional.avg_pool2d(ram, 2))


def test_a_network_that_takes_its_maps_as_input_has_no_levels():
    model = derainer(replace(BALNET_LITE, restorer="pix2pix", unshuffle=1))
    assert model.level_strides == ()
    result = model.restore(picture(64, 64), levels=True)
    assert result.ram is not None
    assert result.levels.shape == (0, 2, 64, 64)
