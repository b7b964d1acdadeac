"""VGG-16's relu2_2 against convolutions written out in NumPy, from every kind of file."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from deraincli.datasets.image_pool import eight_bit_rgb
from deraincli.datasets.pairs import find_pairs, read_pair
from deraincli.errors import ModelError
from deraincli.training.losses import perceptual_loss
from deraincli.training.vgg import load_vgg

Floats = NDArray[np.float64]
CHANNELS = ((3, 64), (64, 64), (64, 128), (128, 128))
TORCHVISION_PLACES = (0, 2, 5, 7)
CAFFE_NAMES = ("conv1_1", "conv1_2", "conv2_1", "conv2_2")


@pytest.fixture(scope="module")
def layers() -> list[tuple[Floats, Floats]]:
    """Weights (OIHW) and biases of the four convolutions."""
    rng = np.random.default_rng(0)
    return [
        (rng.normal(0, (2 / (9 * before)) ** 0.5, (after, before, 3, 3)), rng.normal(0, 0.1, after))
        for before, after in CHANNELS
    ]


def write(path: Path, layers: list[tuple[Floats, Floats]]) -> None:
    kinds = ("weight", "bias")
    if path.suffix == ".npz":
        pairs = zip(CAFFE_NAMES, layers, strict=False)
        arrays = {
            f"{n}_{k}": v.astype(np.float32) for n, layer in pairs for k, v in zip(kinds, layer, strict=True)
        }
        np.savez(path, **arrays)
        return
    pairs = zip(TORCHVISION_PLACES, layers, strict=False)
    state = {
        f"features.{n}.{k}": torch.from_numpy(v).float()
        for n, layer in pairs
        for k, v in zip(kinds, layer, strict=True)
    }
    state["classifier.0.bias"] = torch.zeros(4)  # a whole VGG-16 has more than we need
    if path.suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)


def relu2_2(x: Floats, layers: list[tuple[Floats, Floats]]) -> Floats:
    """3×H×W, already normalised, to 128×H/2×W/2: slow and obvious."""
    for place, (weight, bias) in enumerate(layers):
        if place == 2:
            c, h, w = x.shape
            x = x.reshape(c, h // 2, 2, w // 2, 2).max((2, 4))
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        x = np.maximum(np.einsum("chwij,ocij->ohw", patches, weight) + bias[:, None, None], 0)
    return x


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".npz"])
def test_features_equal_convolutions_written_out(tmp_path: Path, layers, suffix: str) -> None:
    write(tmp_path / f"vgg{suffix}", layers)
    picture = np.random.default_rng(1).random((3, 8, 12))
    if suffix == ".npz":  # Caffe: 0–255 minus the means; the features then count a 255th
        normalised = picture * 255 - np.array([123.68, 116.779, 103.939])[:, None, None]
        expected = relu2_2(normalised, layers) / 255
    else:
        mean, deviation = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        expected = relu2_2((picture - np.c_[mean][..., None]) / np.c_[deviation][..., None], layers)
    got = load_vgg(f"vgg{suffix}", tmp_path)(torch.from_numpy(picture).float()[None])
    np.testing.assert_allclose(got[0].numpy(), expected, rtol=1e-3, atol=1e-4)


def test_vgg_is_frozen_but_lets_gradients_through(tmp_path: Path, layers) -> None:
    write(tmp_path / "vgg.pth", layers)
    vgg = load_vgg("vgg.pth", tmp_path)
    picture = torch.rand(1, 3, 8, 8, requires_grad=True)
    vgg(picture).sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in vgg.parameters())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".npz"])
def test_missing_damaged_and_foreign_files_are_one_sentence(tmp_path: Path, layers, suffix: str) -> None:
    path = tmp_path / f"vgg{suffix}"
    with pytest.raises(ModelError, match="no VGG-16 file"):
        load_vgg(path.name, tmp_path)
    write(path, layers[:2])
    with pytest.raises(ModelError, match="does not hold"):
        load_vgg(path.name, tmp_path)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(ModelError, match="not an intact file"):
        load_vgg(path.name, tmp_path)


def test_a_pickle_that_runs_code_is_not_loaded(tmp_path: Path) -> None:
    torch.save({"features.0.weight": Path("x")}, tmp_path / "vgg.pth")
    with pytest.raises(ModelError, match="not an intact file"):
        load_vgg("vgg.pth", tmp_path)


def test_without_torchvision_the_sentence_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    for module in ("torchvision", "torchvision.models"):
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    with pytest.raises(ModelError, match=r"pip install .*\[train\]'.*loss\.vgg to a file"):
        load_vgg("torchvision", tmp_path)


def test_a_torchvision_for_another_torch_is_one_sentence(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "torchvision.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    for module in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError, match=r"nms does not exist.*fits torch"):
        load_vgg("torchvision", tmp_path)


def test_real_weights_give_a_loss_of_the_size_of_an_l1(shared_data: Path) -> None:
    """Unscaled, Caffe's features would make it tens of thousands of times larger."""
    vgg = load_vgg("vgg16_conv1_1_to_conv2_2.npz", shared_data)
    pair = find_pairs(shared_data / "valid/rain100l_20").pairs[0]
    views = (eight_bit_rgb(side)[:160, :160] / np.float32(255) for side in read_pair(pair, max_pixels=10**7))
    rainy, clean = (torch.from_numpy(view).permute(2, 0, 1)[None] for view in views)
    ratio = perceptual_loss(vgg(rainy), vgg(clean)) / (rainy - clean).abs().mean()
    assert 0.1 < ratio < 10
