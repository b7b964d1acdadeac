"""MPRNet and Restormer through spandrel: their sizes, model files, and what is said without spandrel."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from paired import rain_on, scene, write_picture

from deraincli.benchmark import targets
from deraincli.models.baselines.spandrel_peers import MPRNetConfig, RestormerConfig
from deraincli.models.checkpoint import ModelInfo, model_bytes
from deraincli.models.registry import NETWORKS

SMALL = {
    "mprnet": MPRNetConfig(width=8, unet_growth=4, refinement_growth=4, blocks=1),
    "restormer": RestormerConfig(width=8, blocks=(1, 1, 1, 1), refinement_blocks=1),
}


@pytest.mark.parametrize(
    ("name", "published", "repeated"), [("mprnet", 3_637_249, 54), ("restormer", 26_126_644, 0)]
)
def test_parameters_are_counted_as_published(name: str, published: int, repeated: int) -> None:
    with torch.device("meta"):
        network = NETWORKS[name].build(NETWORKS[name].config)
    assert sum(parameter.numel() for parameter in network.parameters()) == published + repeated


@pytest.mark.parametrize("name", SMALL)
def test_a_model_file_restores_pictures_of_odd_sizes(derain, tmp_path: Path, name: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name].build(SMALL[name])
    (tmp_path / "peer.safetensors").write_bytes(model_bytes(network, ModelInfo(name, SMALL[name], "streak")))
    photo = write_picture(tmp_path / "photo.png", rain_on(scene(0, 37, 51), 0))
    done = derain(
        "image", photo, "-o", tmp_path / "out.png", "-m", tmp_path / "peer.safetensors", "--device", "cpu"
    )
    assert done.code == 0, done.err
    assert (tmp_path / "out.png").is_file()


def test_without_spandrel_the_extra_is_named_and_the_peers_are_left_out(
    derain, monkeypatch, tmp_path
) -> None:
    torch.save({"a.weight": torch.zeros(1)}, tmp_path / "net.pth")
    monkeypatch.setitem(sys.modules, "spandrel_extra_arches.architectures.MPRNet", None)
    done = derain("weights", "import", tmp_path / "net.pth", "--network", "mprnet")
    assert done.code == 1
    assert "peers" in done.err and "pip install" in done.err
    monkeypatch.setitem(sys.modules, "spandrel_extra_arches", None)
    assert not {"mprnet", "restormer"} & {*targets.all_names(), *targets.compared_names()}
