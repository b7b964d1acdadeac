"""Weights in 8 bits: how near they stay, and what a file with damaged scales is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from deraincli.checkpoint import load_model, model_bytes
from deraincli.eight_bit import quantised, restored
from deraincli.errors import ModelError
from deraincli.header import read_header


@pytest.mark.parametrize(
    ("layer", "outputs"), [(nn.Conv2d(5, 7, 3, bias=False), 0), (nn.ConvTranspose2d(5, 7, 4, bias=False), 1)]
)
def test_every_output_channel_errs_by_half_a_step_of_its_own_at_most(layer: nn.Module, outputs: int) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(layer)
    weight = layer.weight.data.normal_()
    weight.movedim(outputs, 0)[2] *= 1000
    weight.movedim(outputs, 0)[3] = 0
    state = quantised(network)
    assert state["0.weight"].dtype == torch.int8
    errors = (restored(state)["0.weight"] - weight).abs().movedim(outputs, 0).flatten(1).amax(1)
    steps = weight.abs().movedim(outputs, 0).flatten(1).amax(1) / 127
    assert (errors <= steps / 2 * (1 + 1e-5)).all()
    assert errors[[0, 2]].min() > 0


def test_a_file_in_8_bits_is_the_model_in_a_byte_a_weight(small_model: Path, tmp_path: Path) -> None:
    network, info = load_model(small_model)
    file = tmp_path / "small.safetensors"
    file.write_bytes(model_bytes(network, info, dtype=torch.int8))
    loaded, told = load_model(file)
    assert told == info
    biases = sum(value.numel() for key, value in network.state_dict().items() if value.dim() == 1)
    stored = sum(value.numel() * value.element_size() for value in load_file(file).values())
    weights = sum(value.numel() for value in network.state_dict().values()) - biases
    assert weights + 2 * biases < stored < weights + 2 * biases + 4 * (biases + 100)
    assert read_header(file).shapes == read_header(small_model).shapes
    expected = restored(quantised(network))
    for key, value in loaded.state_dict().items():
        assert torch.equal(value, expected[key]), key


def damaged(weights: dict[str, torch.Tensor], damage: str) -> None:
    scale = next(key for key in weights if key.endswith(".scale"))
    weight = scale.removesuffix(".scale")
    if damage == "no scale":
        del weights[scale]
    elif damage == "a scale of its scale":
        weights[f"{scale}.scale"] = torch.ones(1)
    elif damage == "whole numbers":
        weights[scale] = weights[scale].int()
    elif damage == "a scale for each value":
        weights[scale] = torch.ones(weights[weight].shape)
    elif damage == "a scale of no weight":
        weights["nothing.scale"] = torch.ones(1)


@pytest.mark.parametrize(
    "damage",
    ["no scale", "a scale of its scale", "whole numbers", "a scale for each value", "a scale of no weight"],
)
def test_weights_without_scales_of_their_own_are_refused(
    small_model: Path, tmp_path: Path, damage: str
) -> None:
    network, info = load_model(small_model)
    file = tmp_path / "small.safetensors"
    file.write_bytes(model_bytes(network, info, dtype=torch.int8))
    with safe_open(file, "pt") as opened:
        said = opened.metadata()
    weights = load_file(file)
    damaged(weights, damage)
    save_file(weights, file, said)
    with pytest.raises(ModelError, match=r"do not fit|lacks the scale"):
        load_model(file)
