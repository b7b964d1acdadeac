"""Every backend gives the network's answer, or is refused in a sentence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._inductor import config as inductor_config

from deraincli.errors import DeviceError, UsageError
from deraincli.inference.backends.torch_backend import TorchBackend
from deraincli.inference.backends.torch_graphs import GraphReplay, can_compile, choose_backend
from deraincli.models.base import NetworkOutput, RestorationNetwork

CPU = torch.device("cpu")


class Layer(RestorationNetwork):
    """One convolution and its opposite map."""

    size_multiple = 1
    tile_margin = 1

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, rainy: Tensor) -> NetworkOutput:
        residual = self.conv(rainy)
        ram = residual[:, :1].sigmoid()
        return NetworkOutput(rainy + residual, ram, 1 - ram)


def tile(side: int) -> np.ndarray:
    return np.random.default_rng(side).random((3, side, side), np.float32)


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[None]:
    """As on a machine without a compiler, and nothing compiled before."""
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    # Not by monkeypatch, which undoes this by deleting the setting, so that nothing compiles ever after.
    with inductor_config.patch({"cpp.cxx": ("no-such-compiler",)}):
        yield


def test_compiled_is_what_the_network_says_at_every_size() -> None:
    if not can_compile(CPU):
        pytest.skip("no compiler here")
    compiled = TorchBackend(Layer(), device="cpu", precision="fp32", backend="compile")
    eager = TorchBackend(Layer(), device="cpu", precision="fp32")
    assert compiled.backend == "compile"
    assert compiled.notes == ()
    for side in (16, 24, 33):
        expected = eager.run_tile(tile(side), maps=True)
        np.testing.assert_allclose(compiled.run_tile(tile(side), maps=True), expected, atol=1e-6)


def test_without_a_compiler_it_runs_eagerly_and_says_so(no_compiler: None) -> None:
    backend = TorchBackend(Layer(), device="cpu", precision="fp32", backend="compile")
    assert backend.backend == "eager"
    assert len(backend.notes) == 1
    assert "compiler" in backend.notes[0]
    assert backend.run_tile(tile(16)).shape == (3, 16, 16)


def test_cuda_graphs_are_refused_elsewhere() -> None:
    with pytest.raises(DeviceError, match="eager"):
        choose_backend("cudagraphs", CPU)


def test_an_unknown_backend_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="cudagraphs"):
        choose_backend("turbo", CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@torch.inference_mode()
def test_a_replayed_graph_is_what_the_network_says_at_every_size() -> None:
    device = f"cuda:{torch.cuda.device_count() - 1}"  # the current device is the first
    network = Layer().to(device)
    replay = GraphReplay(network)
    for side in (16, 16, 24, 16):
        picture = torch.rand(1, 3, side, side, device=device)
        earlier = replay(picture)
        replay(torch.rand_like(picture))
        for mine, expected in zip(earlier, network(picture), strict=True):
            torch.testing.assert_close(mine, expected)
