"""Model files: what is saved comes back, and nothing else is taken for a model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from deraincli.checkpoint import ModelInfo, load_model, model_bytes
from deraincli.errors import ModelError
from deraincli.networks import NETWORKS


def write(path: Path, name: str, config: object) -> torch.nn.Module:
    torch.manual_seed(0)
    network = NETWORKS[name].build(config)
    path.write_bytes(model_bytes(network, ModelInfo(name, config, "streak")))
    return network


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("balnet-lite", {}),
        ("balnet-lite", {"attention": "ram", "squeeze_excite": False}),
        ("balnet-lite", {"restorer": "pix2pix"}),
        ("prenet", {"passes": 3}),
    ],
)
def test_a_file_alone_is_the_model(tmp_path: Path, name: str, options: dict) -> None:
    path = tmp_path / "model.safetensors"
    config = replace(NETWORKS[name].config, **options)
    network = write(path, name, config)
    loaded, info = load_model(path)
    assert info == ModelInfo(name, config, "streak")
    assert not loaded.training
    for key, value in network.state_dict().items():
        expected = value.half().float() if value.is_floating_point() else value
        assert torch.equal(loaded.state_dict()[key], expected), key


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    write(path, "prenet", NETWORKS["prenet"].config)
    return path


def rewrite(path: Path, weights: dict, **said: str) -> None:
    config = json.dumps({"passes": 6})
    path.write_bytes(save(weights, {"network": "prenet", "config": config, "task": "streak"} | said))


def refuse(path: Path, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        load_model(path)


def test_missing_and_foreign_weights_are_refused(model: Path) -> None:
    weights = load(model.read_bytes())
    fewer = {key: value for key, value in weights.items() if key != "head.bias"}
    rewrite(model, fewer)
    refuse(model, "do not fit")
    rewrite(model, weights | {"extra": torch.zeros(1)})
    refuse(model, "do not fit")
    rewrite(model, weights | {"head.bias": torch.zeros(4)})
    refuse(model, "do not fit")


@pytest.mark.parametrize(
    "said", [{"network": "resnet"}, {"config": "{"}, {"config": '{"passses": 6}'}, {"config": "[]"}]
)
def test_a_header_that_makes_no_sense_is_refused(model: Path, said: dict) -> None:
    rewrite(model, load(model.read_bytes()), **said)
    refuse(model, "model.safetensors")


def test_a_file_cut_anywhere_is_refused(model: Path) -> None:
    data = model.read_bytes()
    for length in (0, 4, 100, len(data) // 2, len(data) - 1):
        model.write_bytes(data[:length])
        refuse(model, "intact")


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "evil.safetensors"
    torch.save({"weight": torch.zeros(2)}, path)
    refuse(path, "intact")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    refuse(tmp_path / "nowhere.safetensors", "nowhere")
