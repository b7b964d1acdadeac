"""Parameters, operations, memory and layers against what can be reckoned by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from deraincli.benchmark.environment import describe
from deraincli.benchmark.flops import count_flops, count_parameters
from deraincli.benchmark.memory import Pass, Peak, peak_in_own_process
from deraincli.benchmark.results import Row, SizeReport
from deraincli.benchmark.roofline import MatrixProduct, slowest_layers
from deraincli.benchmark.tables import footnote, sizes
from deraincli.benchmark.targets import all_names, compared_names, find_target
from deraincli.errors import ModelError
from deraincli.models.base import NetworkOutput
from deraincli.models.checkpoint import ModelInfo, model_bytes
from deraincli.models.classical.registry import CLASSICAL_METHODS
from deraincli.models.registry import NETWORKS


class TwoLayers(nn.Module):
    """A heavy convolution, a light one, and an addition without weights."""

    def __init__(self) -> None:
        super().__init__()
        self.heavy = nn.Conv2d(3, 64, 9, padding=4)
        self.light = nn.Conv2d(64, 3, 1, bias=False)

    def forward(self, x: Tensor) -> NetworkOutput:
        return NetworkOutput(x + self.light(self.heavy(x)))


@pytest.mark.parametrize("side", [16, 48])
def test_a_multiply_add_counts_twice(side: int) -> None:
    network = TwoLayers()
    per_pixel = 3 * 64 * 81 + 64 * 3
    assert count_flops(network, side) == 2 * per_pixel * side**2
    assert count_parameters(network) == per_pixel + 64
    assert next(network.parameters()).device.type == "cpu"


def test_the_profiler_blames_the_heavy_layer() -> None:
    network, pictures = TwoLayers(), torch.rand(1, 3, 128, 128)
    found = {layer.name: layer for layer in slowest_layers(network, pictures, 100)}
    assert sum(layer.share for layer in found.values()) == pytest.approx(1)
    assert max(found, key=lambda name: found[name].seconds) == "heavy"
    heavy = found["heavy"]
    flops = 2 * 3 * 64 * 81 * 128**2
    assert heavy.gflops_per_second == pytest.approx(flops / heavy.seconds / 1e9)
    assert any(name.startswith("elsewhere: aten::add") for name in found)
    assert not network.heavy._forward_hooks
    assert not network.heavy._forward_pre_hooks


def test_a_megabyte_is_a_million_bytes_everywhere() -> None:
    row = Row(find_target("ddn"), "fp32", "eager", 1, 64, peak=Peak(600_000_000, 200_000_000))
    report = SizeReport(64, describe(torch.device("cpu")), [row], {})
    assert row.record()["peak_memory_mb"] == 600
    headings, (cells,) = sizes(report)
    assert cells[headings.index("peak MB")] == "600"
    assert "200 of it Python" in footnote(report)


@pytest.mark.parametrize("as_convolution", [False, True])
def test_the_roof_is_a_product_of_matrices(as_convolution: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    product = MatrixProduct("fp32", torch.device("cpu"), as_convolution=as_convolution)
    called = []
    convolve = torch.conv2d
    monkeypatch.setattr(
        torch, "conv2d", lambda x, w, stride: called.append((x, w, stride, convolve(x, w, stride=stride)))
    )
    matrix = product.fresh()
    product.run(matrix)
    assert product.flops == 2 * matrix.shape[0] * matrix.shape[1] * product._weight.shape[0]
    if as_convolution:
        picture, weight, stride, answer = called[0]
        rows = nn.functional.unfold(picture, stride, stride=stride)[0].T
        assert rows.shape == matrix.shape
        expected = rows @ weight.flatten(1).T
        torch.testing.assert_close(answer[0].flatten(1).T, expected, rtol=1e-4, atol=1e-3)


def test_memory_is_that_of_the_pass_and_grows_with_the_picture() -> None:
    small, large = (peak_in_own_process(Pass("ddn", side, 1, "fp32", "eager", 1)) for side in (64, 1024))
    assert small.idle <= small.bytes
    assert large.bytes - small.bytes > 16 * 4 * 1024**2  # one activation of 16 channels at least
    with pytest.raises(MemoryError):
        peak_in_own_process(Pass("ddn", 2**20, 1, "fp32", "eager", 1))


def test_memory_does_not_depend_on_where_the_weights_come_from(tmp_path) -> None:
    kind, file = NETWORKS["ddn"], tmp_path / "ddn.safetensors"
    file.write_bytes(model_bytes(kind.build(kind.config), ModelInfo("ddn", kind.config, "streak")))
    random, loaded = (
        peak_in_own_process(Pass(name, 64, 1, "fp32", "eager", 1)) for name in ("ddn", str(file))
    )
    assert abs(loaded.bytes - random.bytes) < 15 * 2**20


def test_subjects_are_found_by_every_kind_of_name(random_model) -> None:
    assert find_target(None).weights == "shipped"
    assert find_target("ddn").weights == "random"
    assert find_target(str(random_model)).weights == "file"
    assert {"balnet-lite", "balnet", "ddn"} <= set(all_names())
    assert set(compared_names()) < set(all_names())
    for name in all_names():
        network = find_target(name).build()
        assert (network is None) == (name in CLASSICAL_METHODS)


@pytest.mark.parametrize("name", ["balnet_lite", "ddm", "there-is-nothing-like-it-at-all"])
def test_an_unknown_model_brings_the_nearest_names(name: str) -> None:
    with pytest.raises(ModelError, match=r"balnet-lite|ddn"):
        find_target(name)
