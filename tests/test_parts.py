"""A model in parts loads as the whole does, and nothing else is taken for one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deraincli.catalogue import find_model
from deraincli.checkpoint import ModelInfo, load_model, model_bytes
from deraincli.errors import ModelError
from deraincli.networks import NETWORKS
from deraincli.parts import HEADER_BYTES, write_parts


def write_model(path: Path, seed: int) -> Path:
    config = replace(NETWORKS["balnet-lite"].config, attention="ram")
    torch.manual_seed(seed)
    network = NETWORKS["balnet-lite"].build(config)
    info = ModelInfo("balnet-lite", config, "streak")
    path.write_bytes(model_bytes(network, info, dtype=torch.float32))
    return path


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write_model(tmp_path / "whole.safetensors", 0)


def test_parts_load_as_the_whole(tmp_path: Path, whole: Path) -> None:
    index = write_parts(whole, tmp_path / "parts", mib=1)
    parts = sorted((tmp_path / "parts").glob("*.safetensors"))
    assert len(parts) > 2
    assert all(part.stat().st_size <= 2**20 for part in parts)
    assert sum(part.stat().st_size for part in parts) <= whole.stat().st_size + len(parts) * HEADER_BYTES
    (expected, info), (got, got_info) = load_model(whole), load_model(index)
    assert got_info == info
    for key, value in expected.state_dict().items():
        assert torch.equal(got.state_dict()[key], value), key


def test_the_folder_of_the_parts_is_a_model(tmp_path: Path, whole: Path) -> None:
    index = write_parts(whole, tmp_path / "parts", mib=1)
    assert find_model(str(tmp_path / "parts"))[1] == index


def test_a_model_that_fits_is_one_part(tmp_path: Path, whole: Path) -> None:
    write_parts(whole, tmp_path / "parts", mib=64)
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) == 1


def test_missing_cut_and_foreign_parts_are_refused(tmp_path: Path, whole: Path) -> None:
    index = write_parts(whole, tmp_path / "parts", mib=1)
    other = write_parts(write_model(tmp_path / "other.safetensors", 1), tmp_path / "others", mib=1)
    part = sorted(index.parent.glob("*.safetensors"))[1]
    content = part.read_bytes()
    part.write_bytes((other.parent / part.name).read_bytes())
    with pytest.raises(ModelError, match="part of another model"):
        load_model(index)
    part.write_bytes(content[:-100])
    with pytest.raises(ModelError, match="no intact safetensors file"):
        load_model(index)
    part.unlink()
    with pytest.raises(ModelError, match="missing"):
        load_model(index)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": 1}}', "nul"])
def test_a_damaged_index_is_refused(tmp_path: Path, text: str) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(text)
    with pytest.raises(ModelError, match="no intact index"):
        load_model(index)


def test_parts_lie_beside_their_index_and_nowhere_else(tmp_path: Path, whole: Path) -> None:
    index = write_parts(whole, tmp_path / "parts", mib=64)
    said = json.loads(index.read_text())
    said["weight_map"] = dict.fromkeys(said["weight_map"], "../whole.safetensors")
    index.write_text(json.dumps(said))
    with pytest.raises(ModelError, match=r"parts/whole\.safetensors"):
        load_model(index)
