"""Model files: what is saved comes back, and nothing else is taken for a model."""

from __future__ import annotations

import json
import resource
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from huggingface_hub import PyTorchModelHubMixin
from safetensors.torch import load, save

from deraincli.errors import ModelError
from deraincli.model_zoo.hub import HubAddress
from deraincli.model_zoo.publish import repository_files
from deraincli.model_zoo.resolve import resolve_model
from deraincli.models.baselines.prenet import PReNet, PReNetConfig
from deraincli.models.checkpoint import ModelInfo, load_model, model_bytes
from deraincli.models.config_io import dump_config
from deraincli.models.header import read_header
from deraincli.models.registry import NETWORKS


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


def test_the_same_network_gives_the_same_bytes() -> None:
    """The library itself writes the metadata in another order each time."""
    network, info = PReNet(PReNetConfig()), ModelInfo("prenet", PReNetConfig(), "streak")
    assert len({model_bytes(network, info) for _ in range(20)}) == 1


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


def test_a_hub_folder_is_a_model_whether_the_header_or_the_config_tells(model: Path, tmp_path: Path) -> None:
    """As PyTorchModelHubMixin writes it: bare weights beside a config.json."""
    folder = tmp_path / "folder"
    folder.mkdir()
    file = folder / "model.safetensors"
    file.write_bytes(save(load(model.read_bytes())))
    refuse(file, "neither network nor config")
    config = {"network": "prenet", "task": "streak", "config": {"passes": 6}}
    (folder / "config.json").write_text(json.dumps(config))
    loaded, info = load_model(resolve_model(str(folder)).files[0].path)
    assert info == load_model(model)[1]
    assert torch.equal(loaded.stem.weight, load_model(model)[0].stem.weight)


def test_the_hubs_own_mixin_reads_our_folder(model: Path, tmp_path: Path) -> None:
    class Hubbed(PReNet, PyTorchModelHubMixin):
        def __init__(self, config: PReNetConfig) -> None:
            super().__init__(config)

    for name, content in repository_files(resolve_model(str(model)), HubAddress("someone/rain")).items():
        (tmp_path / "folder" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(content)
    theirs = Hubbed.from_pretrained(tmp_path / "folder", strict=True)
    ours, info = load_model(model)
    assert theirs.config == dump_config(info.config)
    for key, value in ours.state_dict().items():
        assert torch.equal(theirs.state_dict()[key], value), key


@pytest.mark.parametrize("garbage", [b"", b"[]", b"{", b"null", b"\xff", b"[" * 100_000])
def test_a_config_without_sense_is_refused(model: Path, tmp_path: Path, garbage: bytes) -> None:
    file = tmp_path / "folder" / "model.safetensors"
    file.parent.mkdir()
    file.write_bytes(save(load(model.read_bytes())))
    file.with_name("config.json").write_bytes(garbage)
    refuse(file, "config.json|neither network nor config")


def header(content: object) -> bytes:
    text = json.dumps(content).encode()
    return struct.pack("<Q", len(text)) + text


def test_headers_that_lie_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.safetensors"
    with path.open("wb") as file:  # a header of 200 MB, sparse on disk
        file.write(struct.pack("<Q", 200_000_000))
        file.truncate(200_000_008)
    refuse(path, "intact")
    tensor = {"dtype": "F16", "shape": [4], "data_offsets": [0, 8]}
    for lie in (
        {"data_offsets": [0, 1 << 40]},
        {"data_offsets": [8, 0]},
        {"data_offsets": [-8, 0]},
        {"shape": [1 << 62, 1 << 62]},
        {"shape": [5]},
    ):
        path.write_bytes(header({"weight": tensor | lie}) + bytes(8))
        refuse(path, "intact")
    overlapping = {"a": tensor, "b": tensor}
    path.write_bytes(header(overlapping) + bytes(8))
    refuse(path, "intact")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("balnet-lite", {"restoration": {"widths": [5000, 5000, 5000]}}),
        ("balnet-lite", {"restoration": {"widths": [10**12, 10**12, 10**12]}}),
        ("balnet-lite", {"restoration": {"dense_layers": 9999, "pairs": [9999, 9999]}}),
        ("balnet-lite", {"restoration": {"widths": [-1, 0, 1]}}),
        ("balnet-lite", {"unshuffle": 10**6}),
        ("balnet-lite", {"tile_margin": 10**9}),
        ("prenet", {"passes": 10**9}),
    ],
)
def test_absurd_configs_are_refused_before_memory_is_taken(tmp_path: Path, name: str, change: dict) -> None:
    path = tmp_path / "absurd.safetensors"
    write(path, name, NETWORKS[name].config)
    config = dump_config(NETWORKS[name].config)
    for key, value in change.items():
        config[key] = config[key] | value if isinstance(value, dict) else value
    path.write_bytes(save(load(path.read_bytes()), {"network": name, "config": json.dumps(config)}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refuse(path, "absurd.safetensors")
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    )  # kB; the largest asks for 8 GB


def test_the_header_alone_tells_what_the_network_counts(tmp_path: Path) -> None:
    for name, kind in NETWORKS.items():
        network = write(tmp_path / "model.safetensors", name, kind.config)
        told = read_header(tmp_path / "model.safetensors")
        assert told.network == name
        assert told.parameters == sum(parameter.numel() for parameter in network.parameters())


def test_a_checkpoint_of_another_kind_is_told_how_to_get_in(tmp_path: Path) -> None:
    path = tmp_path / "net_latest.pth"
    torch.save({"weight": torch.zeros(2)}, path)
    refuse(path, "derain weights import")
