"""The classifier of rain: its arithmetic against PyTorch's, and what it makes of pictures with known rain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch.nn import functional

from deraincli.restoration.rain_kind import CELL, LAYERS, RainClassifier


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory) -> Path:
    rng = np.random.default_rng(0)
    tensors, channels = {}, 3
    for index, (width, _) in enumerate(LAYERS):
        scale = np.sqrt(2 / (9 * channels))
        weight = scale * rng.standard_normal((width, channels, 3, 3))
        tensors[f"layers.{index}.weight"] = weight.astype(np.float32)
        tensors[f"layers.{index}.bias"] = (0.1 * rng.standard_normal(width)).astype(np.float32)
        channels = width
    tensors["head.weight"] = (0.1 * rng.standard_normal((2, channels))).astype(np.float32)
    tensors["head.bias"] = rng.standard_normal(2).astype(np.float32)
    file = tmp_path_factory.mktemp("classifier") / "random.safetensors"
    save_file(tensors, file)
    return file


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (31, 64), (192, 192)])
def test_the_network_is_what_pytorch_computes(random_weights: Path, size: tuple[int, int]) -> None:
    from safetensors.torch import load_file

    tensors = load_file(random_weights)
    window = np.random.default_rng(1).random((*size, 3), np.float32)
    features = torch.from_numpy(window).permute(2, 0, 1)[None] - 0.5
    for index, (_, stride) in enumerate(LAYERS):
        weight, bias = tensors[f"layers.{index}.weight"], tensors[f"layers.{index}.bias"]
        features = functional.relu(functional.conv2d(features, weight, bias, stride, 1))
    expected = functional.conv2d(features, tensors["head.weight"][..., None, None], tensors["head.bias"])
    found = RainClassifier(random_weights).logits(window)
    assert found.shape == (-(-size[0] // CELL), -(-size[1] // CELL), 2)
    np.testing.assert_allclose(found, expected[0].permute(1, 2, 0).numpy(), rtol=1e-4, atol=1e-4)


def test_depth_and_channels_of_a_picture_do_not_matter(random_weights: Path) -> None:
    classifier = RainClassifier(random_weights)
    grey = np.random.default_rng(2).integers(0, 256, (250, 400, 1), dtype=np.uint8)
    expected = classifier(grey)
    for same in (np.repeat(grey, 3, 2), grey.astype(np.uint16) * 257, grey.astype(np.float32) / 255):
        np.testing.assert_allclose(classifier(same), expected, rtol=1e-5)


def test_evidence_is_the_mean_of_the_rainiest_quarter_of_the_cells(random_weights: Path) -> None:
    classifier = RainClassifier(random_weights)
    picture = np.random.default_rng(3).random((8 * CELL, 5 * CELL, 3), np.float32)
    probabilities = torch.sigmoid(torch.from_numpy(classifier.logits(picture))).reshape(40, 2)
    expected = probabilities.topk(10, 0).values.mean(0)
    np.testing.assert_allclose(classifier(picture), expected.numpy(), rtol=1e-5)
