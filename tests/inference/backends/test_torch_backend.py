import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from deraincli.errors import ModelError, UsageError
from deraincli.inference.backends.torch_backend import TorchBackend
from deraincli.inference.tiled import restore_tiled
from deraincli.inference.tiling import Tiling
from deraincli.models.balnet.config import BALNET_LITE
from deraincli.models.balnet.network import BALNet
from deraincli.models.base import NetworkOutput, RestorationNetwork


class SmallNetwork(RestorationNetwork):
    """Three convolutions, so four pixels of context on each side, and a map and its opposite."""

    size_multiple = 4
    tile_margin = 4

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convs = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 8, 5, padding=2),
            nn.Conv2d(8, 3, 3, padding=1),
        )

    def forward(self, rainy: Tensor) -> NetworkOutput:
        residual = self.convs(rainy.to(self.convs[0].weight.dtype)).float()
        ram = residual[:, :1].sigmoid()
        return NetworkOutput(rainy + residual, ram, 1 - ram)


class Overflowing(SmallNetwork):
    """Divides by a weight that is 2⁻¹² in float32 and 0 in bfloat16."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1 + 2.0**-12))

    def forward(self, rainy: Tensor) -> NetworkOutput:
        return NetworkOutput(rainy * (2.0**-12 / (self.weight - 1)).float())


class Greedy(SmallNetwork):
    """Runs out of memory on more than 64×64 pixels."""

    def __init__(self, run_out: Callable[[], object]) -> None:
        super().__init__()
        self.run_out = run_out

    def forward(self, rainy: Tensor) -> NetworkOutput:
        if rainy[0, 0].numel() > 64 * 64:
            self.run_out()
        return super().forward(rainy)


def cuda_out_of_memory() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def cpu_out_of_memory() -> None:
    torch.empty(2**50)


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


FP32 = TorchBackend(SmallNetwork(), device="cpu", precision="fp32")


@settings(max_examples=20)
@given(st.integers(1, 150), st.integers(1, 150), st.integers(24, 80))
def test_tiles_agree_with_the_whole_picture(height: int, width: int, tile: int) -> None:
    pixels = noise(height, width)
    run_tile = partial(FP32.run_tile, maps=True)
    whole = restore_tiled(pixels, run_tile, FP32.tiling("off", "auto"))
    tiled = restore_tiled(pixels, run_tile, FP32.tiling(tile, "auto"))
    assert np.abs(whole.image - tiled.image).max() < 1e-5
    assert np.abs(whole.ram - tiled.ram).max() < 1e-5
    assert np.abs(whole.cam - tiled.cam).max() < 1e-5


@settings(max_examples=20)
@given(st.integers(0, 10), st.integers(0, 10))
def test_a_shifted_picture_is_restored_alike(down: int, right: int) -> None:
    """By any number of grid cells, away from the picture's borders."""
    pixels, margin = noise(110, 120), 4
    top, left = 4 * down, 4 * right
    whole = restore_tiled(pixels, FP32.run_tile, FP32.tiling(32, "auto")).image
    part = restore_tiled(pixels[top:, left:], FP32.run_tile, FP32.tiling(40, "auto")).image
    inner = np.s_[margin:, margin:]
    assert np.abs(whole[top:, left:][inner] - part[inner]).max() < 1e-5


def test_the_real_network_agrees_with_itself_whole_and_in_tiles() -> None:
    """Its windowed SE and its effective receptive field, with weights that change the picture a lot."""
    torch.manual_seed(0)
    network = BALNet(BALNET_LITE)
    nn.init.normal_(network.restorer.head.weight, std=0.02)
    backend = TorchBackend(network, device="cpu", precision="fp32")
    pixels = gaussian_filter(noise(150, 440), (2, 2, 0)) * 3 % 1
    whole = restore_tiled(pixels, backend.run_tile, backend.tiling("off", "auto")).image
    tiled = restore_tiled(pixels, backend.run_tile, backend.tiling(320, "auto"))
    assert tiled.tile.width <= 320
    difference = np.abs(whole - tiled.image) * 255
    assert np.abs(whole - pixels).mean() * 255 > 10
    assert difference.max() <= 2
    assert difference.mean() <= 0.1


def test_one_tile_is_what_the_network_says() -> None:
    pixels = noise(20, 24)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = SmallNetwork()(tensor).image.clamp(0, 1)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(
        restore_tiled(pixels, FP32.run_tile, FP32.tiling("off", 0)).image, expected, atol=1e-6
    )


def test_bf16_stays_close_and_the_picture_itself_exact() -> None:
    backend = TorchBackend(SmallNetwork(), device="cpu", precision="bf16")
    tile = np.ascontiguousarray(noise(64, 64).transpose(2, 0, 1))
    exact, coarse = FP32.run_tile(tile), backend.run_tile(tile)
    assert 0 < np.abs(exact - coarse).max() < 0.05
    silent = SmallNetwork()
    nn.init.zeros_(silent.convs[-1].weight)
    nn.init.zeros_(silent.convs[-1].bias)
    np.testing.assert_array_equal(TorchBackend(silent, device="cpu", precision="bf16").run_tile(tile), tile)


@pytest.mark.parametrize("run_out", [cuda_out_of_memory, cpu_out_of_memory])
def test_tiles_are_halved_when_memory_runs_out(run_out: Callable[[], object]) -> None:
    backend = TorchBackend(Greedy(run_out), device="cpu", precision="fp32")
    pixels, warnings = noise(150, 200), []
    restored = restore_tiled(
        pixels, backend.run_tile, backend.tiling(128, "auto"), on_warning=warnings.append
    )
    assert restored.tile.height * restored.tile.width <= 64 * 64
    assert len(warnings) == 1
    whole = restore_tiled(pixels, FP32.run_tile, FP32.tiling("off", 0)).image
    assert np.abs(whole - restored.image).max() < 1e-5


def test_other_errors_of_torch_are_ours() -> None:
    backend = TorchBackend(Greedy(lambda: torch.ones(2, 3) @ torch.ones(2, 3)), device="cpu")
    with pytest.raises(RuntimeError, match="shapes"):
        restore_tiled(noise(100, 100), backend.run_tile, backend.tiling("off", "auto"))


def test_an_overflow_is_computed_again_in_fp32_and_said() -> None:
    backend = TorchBackend(Overflowing(), device="cpu", precision="bf16")
    pixels, warnings = noise(40, 40), []
    run_tile = partial(backend.run_tile, on_warning=warnings.append)
    np.testing.assert_array_equal(restore_tiled(pixels, run_tile, backend.tiling("off", 0)).image, pixels)
    assert len(warnings) == 1
    assert "fp32" in warnings[0]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_damaged_weights_are_noticed(precision: str) -> None:
    network = SmallNetwork()
    network.convs[0].weight.data[0, 0, 0, 0] = torch.nan
    backend = TorchBackend(network, device="cpu", precision=precision)
    with pytest.raises(ModelError):
        restore_tiled(noise(8, 8), backend.run_tile, backend.tiling("off", 0))


@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_threads_get_the_bytes_they_would_get_alone(precision: str) -> None:
    backend = TorchBackend(SmallNetwork(), precision=precision)
    tiling = backend.tiling(64, "auto")
    pictures = [noise(90 + 7 * i, 120, seed=i) for i in range(8)]

    def run(pixels: NDArray[np.float32]) -> bytes:
        return restore_tiled(pixels, backend.run_tile, tiling).image.tobytes()

    alone = [run(pixels) for pixels in pictures]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, pictures)) == alone


def test_automatic_tiles_leave_room_for_their_overlap() -> None:
    tiling = FP32.tiling("auto", "auto")
    assert isinstance(tiling, Tiling)
    assert tiling.side is not None
    assert tiling.side >= 3 * tiling.overlap
    assert FP32.tiling("auto", 200).overlap == 200
    with pytest.raises(UsageError):
        FP32.tiling("auto", -1)


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_running_out_of_memory_is_a_memory_error_wherever_it_happens(small_model: Path) -> None:
    """Sometimes PyTorch has no memory for a tensor, sometimes oneDNN has none for a kernel."""
    code = f"""
import resource
from pathlib import Path
import numpy as np
import torch
from deraincli.inference.backends.torch_backend import TorchBackend
from deraincli.models.checkpoint import load_model
torch.set_num_threads(1)
backend = TorchBackend(load_model(Path({str(small_model)!r}))[0], device="cpu", precision="fp32")
tile = np.zeros((3, 128, 128), np.float32)
backend.run_tile(tile[:, :32, :32])
unlimited = resource.getrlimit(resource.RLIMIT_AS)
failures = 0
for spare in range(0, 2**22, 2**17):
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + spare, unlimited[1]))
    try:
        backend.run_tile(tile)
    except MemoryError:
        failures += 1
    finally:
        resource.setrlimit(resource.RLIMIT_AS, unlimited)
print(failures > 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")
