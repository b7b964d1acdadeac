"""What is particular to each compared system, against slow or independent versions of it."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from paired import rain_on, scene, write_picture
from skimage.color import rgb2ycbcr, ycbcr2rgb
from torch import Tensor, nn

from deraincli.models.baselines.agan import AGAN, AGANConfig
from deraincli.models.baselines.ddn import RADIUS, detail
from deraincli.models.baselines.didmdn import DIDMDN, DIDMDNConfig
from deraincli.models.baselines.eigen import Eigen, EigenConfig
from deraincli.models.baselines.jorder import JORDER, JORDERConfig
from deraincli.models.baselines.nledn import NonLocal
from deraincli.models.checkpoint import ModelInfo, model_bytes


def noise(height: int, width: int, channels: int = 3) -> Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(0))


def box_mean(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    result = np.empty_like(picture)
    for y, x in np.ndindex(picture.shape):
        window = np.s_[max(0, y - RADIUS) : y + RADIUS + 1, max(0, x - RADIUS) : x + RADIUS + 1]
        result[y, x] = picture[window].mean()
    return result


def test_ddn_sees_what_a_guided_filter_takes_out() -> None:
    """As in algorithm 1 of the guided filter's paper, windows cut at the picture's border."""
    picture = noise(20, 40, 1)
    i = picture[0, 0].double().numpy()
    mean = box_mean(i)
    covariance = box_mean(i * i) - mean * mean
    a = covariance / (covariance + 1)
    b = mean - a * mean
    expected = i - (box_mean(a) * i + box_mean(b))
    np.testing.assert_allclose(detail(picture)[0, 0].numpy(), expected, atol=1e-6)


def test_jorder_sees_luminance_and_keeps_the_colour_difference() -> None:
    network = JORDER(JORDERConfig()).eval()
    nn.init.zeros_(network.head.weight)
    nn.init.constant_(network.head.bias, 0.1)
    seen: list[Tensor] = []
    network.stem.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    picture = noise(8, 9)
    with torch.inference_mode():
        restored = network(picture).image[0].permute(1, 2, 0).numpy()
    reference = rgb2ycbcr(picture[0].permute(1, 2, 0).numpy())
    np.testing.assert_allclose(seen[0][0, 0].numpy() * 255, reference[..., 0], atol=1e-3)
    reference[..., 0] += 0.1 * 255
    np.testing.assert_allclose(restored, ycbcr2rgb(reference), atol=1e-3)


def test_eigen_averages_patches_at_the_border_too() -> None:
    """Patches that all paint 0.3 make a picture of 0.3, to its corners."""
    network = Eigen(EigenConfig(width=4)).eval()
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    nn.init.constant_(network.think.bias, 10)  # tanh 10 is 1
    nn.init.constant_(network.paint.weight, 0.3 / 4)
    nn.init.constant_(network.paint.bias, 0.05)
    with torch.inference_mode():
        np.testing.assert_allclose(network(noise(9, 30)).image.numpy(), 0.35, atol=1e-6)


def test_nledn_lets_every_pixel_of_a_cell_look_at_the_cells_maxima() -> None:
    torch.manual_seed(0)
    block = NonLocal(8, grid=2).eval()
    nn.init.normal_(block.back.weight)
    x = noise(12, 8, channels=8)
    with torch.inference_mode():
        found = (block(x) - x)[0].numpy()
        query, key, value = (layer(x)[0].numpy() for layer in (block.query, block.key, block.value))
        weight, bias = block.back.weight[..., 0, 0].numpy(), block.back.bias.numpy()
    for top, left in product((0, 6), (0, 4)):
        places = list(product(range(top, top + 6, 2), range(left, left + 4, 2)))
        keys, values = (
            np.stack([of[:, y : y + 2, x : x + 2].max((1, 2)) for y, x in places]) for of in (key, value)
        )
        for y, x in product(range(top, top + 6), range(left, left + 4)):
            likeness = np.exp(keys @ query[:, y, x])
            expected = weight @ (likeness / likeness.sum() @ values) + bias
            np.testing.assert_allclose(found[:, y, x], expected, atol=1e-4)


def test_did_mdn_listens_to_its_density_label() -> None:
    results = []
    for density in (0, 2):
        torch.manual_seed(0)
        network = DIDMDN(replace(DIDMDNConfig(), density=density)).eval()
        with torch.inference_mode():
            results.append(network(noise(32, 64)).image)
    assert (results[0] - results[1]).abs().max() > 1e-4
    assert all(float(image.min()) >= 0 and float(image.max()) <= 1 for image in results)


def test_agan_paints_by_the_last_of_its_masks() -> None:
    torch.manual_seed(0)
    network = AGAN(AGANConfig()).eval()
    seen: list[Tensor] = []
    network.painter.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        picture = noise(16, 20)
        masks = network.attention(picture)
        restored = network(picture)
    assert len(masks) == 4
    assert all((one - other).abs().max() > 1e-6 for one, other in pairwise(masks))
    torch.testing.assert_close(seen[0], torch.cat([picture, masks[-1]], 1))
    torch.testing.assert_close(restored.ram, masks[-1].clamp(0, 1))
    torch.testing.assert_close(restored.cam, 1 - restored.ram)


def test_the_attention_command_shows_agans_mask(derain, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = AGAN(AGANConfig()).eval()
    nn.init.normal_(network.attention.head.weight, std=0.5)
    file = tmp_path / "agan.safetensors"
    file.write_bytes(model_bytes(network, ModelInfo("agan", network.config, "drop")))
    photo = write_picture(tmp_path / "photo.png", rain_on(scene(0), 0))
    options = ("--device", "cpu", "--precision", "fp32", "--figure", "none", "--json")
    done = derain("attn", photo, "-o", tmp_path / "out", "-m", file, *options)
    assert done.code == 0, done.err
    assert json.loads(done.out)["complementarity_gap"] < 1e-6  # one map and its opposite

    pixels = torch.from_numpy(rain_on(scene(0), 0)).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        mask = network.attention(pixels)[-1].clamp(0, 1)[0, 0].numpy()
    shown = np.load(tmp_path / "out" / "photo.ram.npy")
    assert shown.std() > 0.01
    np.testing.assert_allclose(shown, mask, atol=5e-3)  # the file holds half precision
