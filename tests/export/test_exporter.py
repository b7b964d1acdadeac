"""An export is handed over only if it agrees with PyTorch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_models import model_file

from deraincli.errors import ModelError
from deraincli.export.exporter import export_model
from deraincli.models.checkpoint import ModelInfo, load_model, model_bytes
from deraincli.models.header import sha256


def test_the_description_is_the_models(small_model: Path) -> None:
    network, info = load_model(small_model)
    exported = export_model(model_file(small_model), "pt2")
    told = exported.description
    assert (told.network, told.task, told.precision) == (info.network, info.task, "fp32")
    assert (told.size_multiple, told.tile_margin) == (network.size_multiple, network.tile_margin)
    assert told.weights_sha256 == sha256(small_model)
    # The network's widest activations: 8 channels at half resolution, several at a time, in float32.
    assert 4 * 8 / 4 < told.bytes_per_pixel < 100 * 4 * 8 / 4
    assert exported.difference.maximum <= 1e-5
    assert exported.loss is None


def test_damaged_weights_are_not_exported(shallow_model: Path, tmp_path: Path) -> None:
    network, info = load_model(shallow_model)
    torch.nn.init.constant_(network.head.weight, float("nan"))
    file = tmp_path / "broken.safetensors"
    file.write_bytes(model_bytes(network, ModelInfo(info.network, info.config, info.task)))
    with pytest.raises(ModelError, match="differs from PyTorch"):
        export_model(model_file(file), "pt2")
