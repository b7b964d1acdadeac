"""Training runs on small pictures made here: resuming, interrupting, learning, decode_errors."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tiny_models import CONFIG

from deraincli.errors import TrainingError, UsageError
from deraincli.models.checkpoint import load_model
from deraincli.rain.streaks import add_rain, light_rain, light_style, streak_layer
from deraincli.training.config import load_config
from deraincli.training.data.batches import TrainingData
from deraincli.training.distributed import ProcessGroup
from deraincli.training.loop import Progress, Run
from deraincli.training.schedule import rate_factor


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Clean photos, a validation set and a config."""
    rng = np.random.default_rng(0)
    for name in ("clean", "valid/input", "valid/target"):
        (tmp_path / name).mkdir(parents=True)
    for index in range(4):
        coarse = rng.integers(0, 200, (6, 8, 3), dtype=np.uint8)
        photo = cv2.resize(coarse, (80, 64), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(tmp_path / f"clean/{index}.png"), photo)
        cv2.imwrite(str(tmp_path / f"valid/target/{index}.png"), photo)
        rainy = add_rain(photo, light_rain(64, 80, rng))
        cv2.imwrite(str(tmp_path / f"valid/input/{index}.png"), rainy)
    (tmp_path / "config.toml").write_text(CONFIG)
    return tmp_path


def make_run(folder: Path, out: str, *settings: str, resume: bool = False) -> Run:
    config = load_config(folder / "config.toml", settings)
    return Run(config, folder, folder / out, ProcessGroup(), resume=resume)


def weights(folder: Path, out: str) -> dict[str, torch.Tensor]:
    network, _ = load_model(folder / out / "last.safetensors")
    return network.state_dict()


def ignore(progress: Progress) -> None:
    pass


def test_a_killed_run_resumes_to_the_same_bits(folder: Path) -> None:
    make_run(folder, "whole").train(ignore)

    def die_after_the_fourth_step(progress: Progress) -> None:
        if progress.step == 4:
            raise RuntimeError("killed")  # without a chance to save, as by kill -9

    with pytest.raises(RuntimeError, match="killed"):
        make_run(folder, "broken").train(die_after_the_fourth_step)
    make_run(folder, "broken", resume=True).train(ignore)
    for name, value in weights(folder, "whole").items():
        assert torch.equal(value, weights(folder, "broken")[name]), name


def test_an_interrupted_run_saves_a_whole_step(folder: Path) -> None:
    make_run(folder, "whole").train(ignore)

    def interrupt(progress: Progress) -> None:
        if progress.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    run = make_run(folder, "broken")
    with pytest.raises(KeyboardInterrupt):
        run.train(interrupt)
    resumed = make_run(folder, "broken", resume=True)
    assert resumed.state.step == 3  # the one after the signal
    resumed.train(ignore)
    for name, value in weights(folder, "whole").items():
        assert torch.equal(value, weights(folder, "broken")[name]), name


def test_worker_processes_change_nothing(folder: Path) -> None:
    make_run(folder, "alone").train(ignore)
    make_run(folder, "helped", "data.workers=2").train(ignore)
    for name, value in weights(folder, "alone").items():
        assert torch.equal(value, weights(folder, "helped")[name]), name


def rain_visibly(folder: Path) -> None:
    """Streaks in the validation set that can be seen; random ones may be too faint to be found or not."""
    rng = np.random.default_rng(1)
    for index in range(4):
        photo = cv2.imread(str(folder / f"valid/target/{index}.png"))
        style = replace(light_style(rng), peak=0.4, coverage=0.2)
        rainy = add_rain(photo, streak_layer(64, 80, style, rng))
        cv2.imwrite(str(folder / f"valid/input/{index}.png"), rainy)


def test_a_short_run_learns_and_its_ram_finds_the_rain(folder: Path) -> None:
    """With the default losses and rain-free crops among the others the maps must not collapse."""
    rain_visibly(folder)
    settings = (
        'network="balnet-lite"',
        "network_options={}",
        "optimiser.steps=180",
        "optimiser.rate=0.002",
        "optimiser.warmup=10",
        "data.batch=8",
        "optimiser.ema=0.9",
        "data.heavy_share=0",
        "validate_every=180",
        'precision="auto"',
    )
    seen: list[Progress] = []
    make_run(folder, "run", *settings).train(seen.append)
    validation = seen[-1].validation
    assert validation is not None
    assert validation.ram_iou > 0.5, validation
    first, last = (np.mean([p.losses["reconstruction"] for p in part]) for part in (seen[:20], seen[-20:]))
    assert last < 0.8 * first


def test_a_run_is_not_begun_over_another(folder: Path) -> None:
    make_run(folder, "run").train(ignore)
    with pytest.raises(TrainingError, match="--resume"):
        make_run(folder, "run")


def test_a_state_of_another_network_is_refused(folder: Path) -> None:
    make_run(folder, "run").train(ignore)
    with pytest.raises(TrainingError, match="another network"):
        make_run(folder, "run", 'network="balnet-lite"', "network_options={}", resume=True)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(folder: Path) -> None:
    run = make_run(folder, "run")

    def poison(progress: Progress) -> None:
        if progress.step == 4:
            next(run.state.network.parameters()).data.fill_(torch.nan)

    with pytest.raises(TrainingError, match="step 5"):
        run.train(poison)
    resumed = make_run(folder, "run", resume=True)
    assert resumed.state.step == 3
    assert all(parameter.isfinite().all() for parameter in resumed.state.network.parameters())


def test_a_changed_config_is_seen_although_another_process_began_first(folder: Path) -> None:
    make_run(folder, "run").train(ignore)
    config = load_config(folder / "config.toml", ("optimiser.steps=7",))
    for rank in (1, 0):
        run = Run(config, folder, folder / "run", ProcessGroup(rank), resume=True)
    assert run.changed == ("optimiser.steps",)


def test_a_gradient_that_is_not_finite_reaches_no_weights(folder: Path) -> None:
    """Although the loss of the same step is finite, and a validation saves the state after it."""
    run = make_run(folder, "run", "validate_every=1")
    weight = next(run.state.network.parameters())
    weight.register_hook(lambda gradient: gradient * torch.nan if run.state.step == 2 else gradient)
    with pytest.raises(TrainingError, match=r"step 3.*last good state"):
        run.train(ignore)
    resumed = make_run(folder, "run", resume=True)
    assert resumed.state.step == 2
    assert all(parameter.isfinite().all() for parameter in resumed.state.network.parameters())


def test_an_overflow_of_fp16_leaves_out_the_step_of_every_optimiser(folder: Path) -> None:
    run = make_run(folder, "run", "optimiser.steps=1")
    run.state.scaler = scaler = torch.amp.GradScaler("cpu")  # fp16 needs CUDA, its scaler does not
    _, muon = run.state.optimisers
    muon.param_groups[0]["params"][0].register_hook(lambda gradient: gradient * torch.nan)
    before = {name: value.clone() for name, value in run.state.network.state_dict().items()}
    scale = scaler.get_scale()
    run.train(ignore)
    assert scaler.get_scale() < scale
    for name, value in run.state.network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_resolved_config_lies_in_the_run_folder(folder: Path) -> None:
    make_run(folder, "run", "optimiser.rate=0.5")
    resolved = json.loads((folder / "run/config.json").read_text())
    assert resolved["optimiser"]["rate"] == 0.5
    assert resolved["data"]["clean_share"] == 0.08


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("optimiser.stps=5", "did you mean optimiser.steps"),
        ("optimser.steps=5", "did you mean optimiser"),
        ("optimiser.steps=many", "optimiser.steps"),
        ("steps", "key=value"),
    ],
)
def test_mistakes_in_a_config_are_named(folder: Path, setting: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_config(folder / "config.toml", (setting,))


def test_an_unknown_network_is_named(folder: Path) -> None:
    with pytest.raises(UsageError, match="balnet-lite"):
        make_run(folder, "run", 'network="balnet-light"')


def test_crops_do_not_depend_on_how_many_processes_share_the_batch(folder: Path) -> None:
    config = load_config(folder / "config.toml").data
    whole = TrainingData(config, folder, 0, ProcessGroup().local_indices(4))[5]
    parts = [TrainingData(config, folder, 0, ProcessGroup(rank, 2).local_indices(4))[5] for rank in (0, 1)]
    for side in (0, 1):
        assert torch.equal(whole[side], torch.cat([part[side] for part in parts]))


def test_the_rate_warms_up_and_decays_to_zero() -> None:
    factors = [rate_factor(step, warmup=10, steps=100) for step in range(101)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0)
    assert sorted(factors[10:], reverse=True) == factors[10:]
