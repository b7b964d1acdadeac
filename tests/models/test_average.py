"""The average of models, compared with sums by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load, load_file, save

from deraincli.errors import ModelError
from deraincli.models.average import Part, average_models
from deraincli.models.checkpoint import ModelInfo, load_model, model_bytes
from deraincli.models.registry import NETWORKS


def write(path: Path, seed: int, name: str = "balnet-lite", task: str = "streak") -> Path:
    torch.manual_seed(seed)
    kind = NETWORKS[name]
    network = kind.build(kind.config)
    path.write_bytes(model_bytes(network, ModelInfo(name, kind.config, task), dtype=torch.float32))
    return path


def mean(shares: dict[Path, float]) -> bytes:
    return average_models([Part(path.name, path, share) for path, share in shares.items()])


def test_every_weight_is_the_weighted_mean(tmp_path: Path) -> None:
    a, b, c = (write(tmp_path / f"{seed}.safetensors", seed) for seed in (1, 2, 3))
    averaged = load(mean({a: 2, b: 1, c: 1}))
    parts = [load_file(path) for path in (a, b, c)]
    for key, value in averaged.items():
        expected = 0.5 * parts[0][key] + 0.25 * parts[1][key] + 0.25 * parts[2][key]
        torch.testing.assert_close(value, expected.half(), rtol=1e-3, atol=1e-7)


def test_the_average_of_a_model_with_itself_is_the_model(tmp_path: Path) -> None:
    model = write(tmp_path / "a.safetensors", 1)
    averaged = tmp_path / "average.safetensors"
    averaged.write_bytes(average_models([Part("a", model, 0.3), Part("b", model, 5)]))
    (network, info), (same, described) = load_model(model), load_model(averaged)
    assert info == described
    for key, value in network.state_dict().items():
        torch.testing.assert_close(same.state_dict()[key], value, rtol=1e-3, atol=1e-7)


def test_a_shallower_network_counts_as_a_deeper_one_that_computes_the_same(tmp_path: Path) -> None:
    lite, small = (write(tmp_path / name, 1, name) for name in ("balnet-lite", "balnet-small"))
    averaged = tmp_path / "average.safetensors"
    averaged.write_bytes(mean({lite: 1 - 1e-9, small: 1e-9}))
    (network, _), (same, info) = load_model(lite), load_model(averaged)
    assert info.network == "balnet-small"
    rainy = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(same(rainy).image, network(rainy).image, rtol=0, atol=1e-3)


def test_whole_numbers_are_kept(tmp_path: Path) -> None:
    """Batch normalisation counts its batches, and a half of a batch has no meaning."""
    model = write(tmp_path / "a.safetensors", 1, "ddn")
    state = load_file(model)
    counters = {key for key, value in state.items() if not value.is_floating_point()}
    assert counters
    averaged = load(mean({model: 1}))
    assert all(torch.equal(averaged[key], state[key]) for key in counters)


def test_models_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    model = write(tmp_path / "a.safetensors", 1)
    damaged = tmp_path / "nan.safetensors"
    state = load_file(model)
    next(iter(state.values())).view(-1)[0] = float("nan")
    with safe_open(model, "pt") as file:
        damaged.write_bytes(save(state, file.metadata()))
    for other, words in (
        (write(tmp_path / "ddn.safetensors", 1, "ddn"), "ddn.safetensors is a ddn"),
        (write(tmp_path / "drop.safetensors", 1, task="drop"), "drop.safetensors has the task 'drop'"),
        (damaged, "not finite"),
        (tmp_path / "missing.safetensors", "missing"),
    ):
        with pytest.raises(ModelError, match=words):
            mean({model: 1, other: 1})
