"""The compared systems as networks: their sizes, what they see, that they learn and run as models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from paired import rain_on, scene, write_picture, write_set
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from deraincli.benchmark.paper_figures import PAPER_FIGURES
from deraincli.inference.backends.torch_backend import TorchBackend
from deraincli.inference.tiled import restore_tiled
from deraincli.models.base import RestorationNetwork
from deraincli.models.checkpoint import ModelInfo, load_model, model_bytes
from deraincli.models.registry import NETWORKS
from deraincli.training.config import OptimiserConfig, TrainingConfig
from deraincli.training.data.config import DataConfig
from deraincli.training.distributed import ProcessGroup
from deraincli.training.loop import Progress, Run

PARAMETERS = {
    "ddn": 57_369,
    "jorder": 370_497,
    "did-mdn": 372_839,
    "nledn": 1_005_379,
    "eigen": 754_691,
    "agan": 6_244_362,
    "prenet": 168_963,
    "brn": 412_518,
    "rcdnet": 3_166_355,
}
"""What the authors' released networks, or the published layers, count."""

GIGAFLOP = {"ddn": 11.5, "prenet": 208, "jorder": 370_496 * 2 * 320**2 / 1e9}
"""2 × multiply-adds at 320×320; JORDER has 64 + 1 biases a pixel and otherwise one of those a parameter."""

NEVER_RUN = {"did-mdn": 7_603, "agan": 6_915 + 3_459, "brn": 4 * 9_248, "rcdnet": 74_529}
"""Parameters that no picture passes: in released code, and AGAN's outputs at smaller sizes."""

SEES_NEAR = ("ddn", "jorder", "did-mdn", "eigen", "prenet", "brn")
"""Networks whose tile margin is all that they see."""


def build(name: str) -> RestorationNetwork:
    kind = NETWORKS[name]
    torch.manual_seed(0)
    return kind.build(kind.config)


def trained_a_little(name: str) -> RestorationNetwork:
    """A network whose every layer matters: no weights at zero, no scales at almost zero."""
    network = build(name)
    for key, parameter in network.named_parameters():
        if parameter.abs().max() <= 0.02 and "bias" not in key:
            nn.init.normal_(parameter, std=0.02)
    return network.eval()


def noise(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_counted_as_published(name: str) -> None:
    network = build(name)
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[name]
    idle = sum(p.numel() for p in network.parameters() if not p.requires_grad)
    assert idle == NEVER_RUN.get(name, 0)


@pytest.mark.parametrize("name", GIGAFLOP)
def test_work_is_what_is_known_of_it(name: str) -> None:
    with torch.device("meta"):
        network, picture = build(name).eval(), torch.zeros(1, 3, 320, 320)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(picture)
    assert counter.get_total_flops() / 1e9 == pytest.approx(GIGAFLOP[name], rel=0.01)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clean photos and a validation set."""
    folder = tmp_path_factory.mktemp("pictures")
    for n in range(2):
        write_picture(folder / "clean" / f"{n}.png", scene(n))
    write_set(folder / "valid", count=1)
    return folder


@pytest.mark.parametrize("name", PARAMETERS)
def test_two_steps_of_training_move_every_parameter_that_runs(pictures, tmp_path, name) -> None:
    """By the second, layers that start at zero no longer hold the gradient back from others."""
    data = DataConfig(validation="valid", clean=("clean",), crop=32, batch=2)
    settings = OptimiserConfig(rate=1e-3, steps=2, warmup=1)
    config = TrainingConfig(name, data, optimiser=settings, precision="fp32")
    run = Run(config, pictures, tmp_path / "run", ProcessGroup(), resume=False)
    steps: list[Progress] = []
    run.train(steps.append)
    assert len(steps) == 2
    for key, parameter in run.state.network.named_parameters():
        assert not parameter.requires_grad or (parameter.grad is not None and parameter.grad.any()), key
    network, info = load_model(tmp_path / "run" / "best.safetensors")
    assert (info.network, type(network)) == (name, type(run.state.network))


@pytest.mark.parametrize("name", ["ddn", "jorder", "did-mdn", "eigen"])
def test_a_few_steps_learn_one_batch(name: str) -> None:
    """With the optimiser of `derain train`. The larger networks take too long here."""
    clean = nn.functional.interpolate(noise(6, 6), (32, 32), mode="bilinear")
    rainy = torch.where(noise(32, 32)[:, :1] > 0.8, 1 - (1 - clean) / 2, clean)
    network = build(name).train()
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    losses = []
    for step in range(30):
        optimiser.param_groups[0]["lr"] = 1e-3 * min(1, (step + 1) / 20)
        loss = nn.functional.mse_loss(network(rainy).image, clean)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 0.2)
        optimiser.step()
        losses.append(loss.item())
    assert min(losses[-5:]) < 0.9 * losses[0], losses


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_model_file_restores_pictures_of_odd_sizes(derain, tmp_path: Path, name: str) -> None:
    file = tmp_path / f"{name}.safetensors"
    network = trained_a_little(name)
    file.write_bytes(model_bytes(network, ModelInfo(name, network.config, "streak")))
    loaded, info = load_model(file)
    assert info.network == name
    with torch.inference_mode():
        picture = noise(64, 96)
        torch.testing.assert_close(loaded(picture).image, network(picture).image, atol=0.02, rtol=0)

    photo = write_picture(tmp_path / "photo.png", rain_on(scene(0, 37, 51), 0))
    options = ("--device", "cpu", "--precision", "fp32")
    done = derain("image", photo, "-o", tmp_path / "out.png", "-m", file, *options)
    assert done.code == 0, done.err
    restored = np.asarray(PIL.Image.open(tmp_path / "out.png"))
    assert restored.shape == (37, 51, 3)
    assert (restored != np.asarray(PIL.Image.open(photo))).any()


@pytest.mark.parametrize("name", PARAMETERS)
def test_half_precision_stays_close(name: str) -> None:
    exact, coarse = (
        TorchBackend(trained_a_little(name), device="cpu", precision=precision)
        for precision in ("fp32", "bf16")
    )
    tile = noise(64, 64)[0].numpy()
    difference = np.abs(exact.run_tile(tile) - coarse.run_tile(tile))
    assert 0 < difference.mean() < 0.05


@pytest.mark.parametrize("name", SEES_NEAR)
def test_nothing_is_seen_beyond_the_tile_margin(name: str) -> None:
    """NaN spreads to all that a pixel can change; a pixel of the last pool's cell sees farthest."""
    network = trained_a_little(name)
    multiple, margin = network.size_multiple, network.tile_margin
    middle = -(-(margin + 1) // multiple) * multiple
    reach = 0
    for place in range(middle, middle + multiple, 4):
        picture = noise(2 * middle + multiple, max(8, multiple))
        picture[:, :, place] = torch.nan
        with torch.inference_mode():
            changed = network(picture).image.isnan().any(1).any(2)[0].nonzero()
        reach = max(reach, place - int(changed.min()), int(changed.max()) - place)
    assert margin - 4 <= reach <= margin


@pytest.mark.parametrize("name", [*SEES_NEAR, "agan"])
def test_tiles_agree_with_the_whole_picture(name: str) -> None:
    backend = TorchBackend(trained_a_little(name), device="cpu", precision="fp32")
    multiple = backend.size_multiple
    shared = backend.tiling(4096, "auto").overlap
    pixels = noise(48, 2 * shared + 3 * multiple + 17)[0].permute(1, 2, 0).numpy()
    tiling = backend.tiling(2 * shared + multiple, "auto")
    whole = restore_tiled(pixels, backend.run_tile, backend.tiling("off", "auto"))
    tiled = restore_tiled(pixels, backend.run_tile, tiling)
    assert tiled.tile.width < whole.tile.width
    assert np.abs(whole.image - tiled.image).max() < (1e-3 if name == "agan" else 1e-4)


def test_every_network_has_the_documents_figures() -> None:
    assert set(PAPER_FIGURES) - {"dsc", "gmm"} == set(NETWORKS) - {"balnet-lite", "balnet-small"}
    same = {name for name, figures in PAPER_FIGURES.items() if figures.parameters == PARAMETERS.get(name, 0)}
    assert same == {"ddn"}
    for name, figures in PAPER_FIGURES.items():
        assert figures.note or name in same
