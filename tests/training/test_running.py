"""How runs are run: memory, time, disks, devices, warm starts, everything switched on."""

from __future__ import annotations

import json
import os
import resource
import shutil
from pathlib import Path

import pytest
import torch
from paired import scene, write_picture, write_set
from test_vgg import CHANNELS, write
from tiny_models import CONFIG

from deraincli.errors import DeviceError, InputError, ModelError, OutputError, TrainingError, UsageError
from deraincli.inference.backends.torch_device import supported_precisions
from deraincli.model_zoo.resolve import resolve_model
from deraincli.models.balnet.config import BALNET_SMALL
from deraincli.models.checkpoint import load_model
from deraincli.training.config import load_config
from deraincli.training.distributed import ProcessGroup
from deraincli.training.loop import Progress, Run
from deraincli.training.schedule import rate_factor
from deraincli.training.tensorboard_writer import open_writer
from deraincli.training.time_budget import Clock

FULL = (
    "loss.perceptual=0.05",
    'loss.vgg="vgg.npz"',
    "loss.adversarial=0.01",
    "data.crop=72",
    "data.batch=2",
    "optimiser.steps=3",
    "validate_every=1",
)
"""All losses at once."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for n in range(3):
        write_picture(tmp_path / f"clean/{n}.png", scene(n, 80, 96))
    write_set(tmp_path / "valid", count=2)
    (tmp_path / "config.toml").write_text(CONFIG)
    return tmp_path


def make_run(folder: Path, out: str, *settings: str, resume: bool = False) -> Run:
    config = load_config(folder / "config.toml", settings)
    return Run(config, folder, folder / out, ProcessGroup(), resume=resume)


def ignore(progress: Progress) -> None:
    pass


def optimisers(run: Run) -> list[torch.optim.Optimizer]:
    assert run.state.adversary is not None
    return [*run.state.optimisers, run.state.adversary.optimiser]


def weights(run: Run) -> dict[str, torch.Tensor]:
    return run.state.network.state_dict()


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def test_auto_trains_in_the_precision_that_the_device_computes_natively(folder: Path) -> None:
    native = supported_precisions(torch.device("cpu"))[0]
    runs = [make_run(folder, name, f"precision={name}", "optimiser.steps=2") for name in ("auto", native)]
    for run in runs:
        run.train(ignore)
    assert_same(weights(runs[0]), weights(runs[1]))
    assert json.loads((folder / "auto" / "config.json").read_text())["precision"] == native


def test_a_run_with_every_loss_resumes_to_the_same_bits(folder: Path) -> None:
    """The discriminators, their optimiser and their regions included."""
    generator = torch.Generator().manual_seed(0)
    layers = [
        (torch.randn(after, before, 3, 3, generator=generator).numpy() * 0.1, torch.zeros(after).numpy())
        for before, after in CHANNELS
    ]
    write(folder / "vgg.npz", layers)
    whole = make_run(folder, "whole", *FULL)
    seen: list[Progress] = []
    whole.train(seen.append)
    assert set(seen[0].losses) == {"reconstruction", "perceptual", "adversarial", "discriminators"}

    def die(progress: Progress) -> None:
        if progress.step == 2:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        make_run(folder, "broken", *FULL).train(die)
    resumed = make_run(folder, "broken", *FULL, resume=True)
    resumed.train(ignore)
    assert_same(weights(whole), weights(resumed))
    assert whole.state.adversary is not None
    assert resumed.state.adversary is not None
    assert_same(whole.state.adversary.network.state_dict(), resumed.state.adversary.network.state_dict())


def test_changed_settings_of_the_optimisers_reach_a_resumed_run(folder: Path) -> None:
    short = (*FULL, "optimiser.steps=1", "loss.perceptual=0")
    make_run(folder, "run", *short).train(ignore)
    rates = ("optimiser.rate=1e-4", "optimiser.muon_rate=1e-3", "optimiser.discriminator_rate=1e-5")
    changed = (*short, *rates, "optimiser.weight_decay=0.5")
    resumed = make_run(folder, "run", *changed, resume=True)
    fresh = make_run(folder, "fresh", *changed)
    for one, other in zip(optimisers(resumed), optimisers(fresh), strict=True):
        assert one.state
        assert one.state_dict()["param_groups"] == other.state_dict()["param_groups"]
        assert one.defaults["lr"] == other.defaults["lr"]


def test_accumulated_parts_give_the_gradient_of_the_whole_batch(folder: Path) -> None:
    gradients = []
    for parts in (1, 2, 4):
        run = make_run(
            folder, f"by{parts}", f"optimiser.accumulate={parts}", "optimiser.steps=1", "optimiser.clip=1e9"
        )
        run.train(ignore)
        gradients.append(torch.cat([p.grad.flatten() for p in run.state.network.parameters()]))
    whole, *others = gradients
    for other in others:
        assert (other - whole).norm() < 1e-5 * whole.norm()


def test_a_full_disk_is_one_sentence_and_leaves_the_last_good_state(folder: Path) -> None:
    make_run(folder, "whole").train(ignore)
    run = make_run(folder, "run")
    state = folder / "run/state.pt"
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_the_disk(progress: Progress) -> None:
        if progress.step == 4:  # files may not grow beyond this, as if no more room was left
            resource.setrlimit(resource.RLIMIT_FSIZE, (state.stat().st_size // 2, kept[1]))

    try:
        with pytest.raises(OutputError, match=r"cannot be written.*--resume\."):
            run.train(fill_the_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    assert not list((folder / "run").glob(".*"))
    resumed = make_run(folder, "run", resume=True)
    assert resumed.state.step == 3
    resumed.train(ignore)
    assert_same(
        load_model(folder / "whole/last.safetensors")[0].state_dict(),
        load_model(folder / "run/last.safetensors")[0].state_dict(),
    )


def test_a_time_limit_ends_a_run_with_a_validation_and_a_rate_near_zero(folder: Path) -> None:
    settings = ("optimiser.steps=100000", "validate_every=100000", "max_minutes=0.05", "optimiser.rate=1")
    seen: list[Progress] = []
    run = make_run(folder, "run", *settings, "optimiser.clip=1e-6")
    best = run.train(seen.append)
    last = seen[-1]
    assert last.step < 100000
    assert last.share == 1
    assert last.validation is not None
    assert best.step == last.step
    shares = [progress.share for progress in seen]
    assert shares == sorted(shares)
    expected = [rate_factor(10, warmup=2, steps=100000, time_share=before) for before in shares[2:-1]]
    assert [progress.rate for progress in seen[3:]] == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_time_shares_of_the_schedule() -> None:
    assert rate_factor(50, warmup=0, steps=100, time_share=0.2) == pytest.approx(0.5)  # steps are ahead
    assert rate_factor(10, warmup=0, steps=100, time_share=0.5) == pytest.approx(0.5)  # time is ahead
    assert rate_factor(10, warmup=0, steps=100, time_share=1) == pytest.approx(0)


@pytest.mark.parametrize("step", [0, 3, 9, 10, 60])
def test_the_rate_of_any_step_falls_to_zero_with_the_time(step: int) -> None:
    factors = [rate_factor(step, warmup=10, steps=100, time_share=done / 10) for done in range(11)]
    assert factors == sorted(factors, reverse=True)
    assert factors[0] > 0
    assert factors[-1] == pytest.approx(0)


def test_the_rate_does_not_jump_when_the_warm_up_ends() -> None:
    before, after = (rate_factor(step, warmup=200, steps=9000, time_share=0.6) for step in (199, 200))
    assert after == pytest.approx(before)


def test_the_last_validation_fits_into_the_time_limit() -> None:
    clock = Clock(30, limit=100)
    assert clock.share == pytest.approx(0.3)
    clock.validating = 40
    assert clock.share == pytest.approx(0.5)
    assert Clock(30, limit=0).share == 0
    assert Clock(300, limit=100).share == 1


def test_a_warm_start_begins_with_the_weights_of_a_model(folder: Path) -> None:
    make_run(folder, "first").train(ignore)
    saved, _ = load_model(folder / "first/best.safetensors")
    warm = make_run(folder, "second", 'warm_start="first/best.safetensors"', "network_options={}")
    assert_same(saved.state_dict(), weights(warm))
    assert warm.state.step == 0
    with pytest.raises(TrainingError, match="is a prenet, but the config trains a balnet-lite"):
        make_run(
            folder,
            "third",
            'warm_start="first/best.safetensors"',
            'network="balnet-lite"',
            "network_options={}",
        )
    with pytest.raises(TrainingError, match="other options"):
        make_run(folder, "third", 'warm_start="first/best.safetensors"', "network_options={passes=3}")
    with pytest.raises(ModelError, match="nowhere"):
        make_run(folder, "third", 'warm_start="nowhere.safetensors"')


def test_a_warm_start_deepens_a_shallower_network(folder: Path) -> None:
    run = make_run(folder, "run", 'warm_start="balnet-lite"', 'network="balnet-small"', "network_options={}")
    assert (run.info.network, run.info.config) == ("balnet-small", BALNET_SMALL)
    shallow, _ = load_model(resolve_model("balnet-lite").files[0].path)
    deep = weights(run)
    assert_same({key: deep[key] for key in shallow.state_dict()}, shallow.state_dict())
    run.train(ignore)
    assert load_model(folder / "run/last.safetensors")[1] == run.info


@pytest.mark.parametrize("task", ["streak", "drop"])
def test_a_warm_start_takes_the_shipped_model_of_the_task(folder: Path, task: str) -> None:
    settings = ('network="balnet-lite"', "network_options={}", f"task={task}")
    run = make_run(folder, "run", 'warm_start="balnet-lite"', *settings)
    shipped, _ = load_model(resolve_model(f"balnet-lite-{task}").files[0].path)
    assert_same(shipped.state_dict(), weights(run))


def test_a_run_resumes_although_its_warm_start_is_gone(folder: Path) -> None:
    make_run(folder, "first").train(ignore)
    settings = ('warm_start="first/best.safetensors"', "network_options={}")
    run = make_run(folder, "second", *settings)
    run.train(ignore)
    shutil.rmtree(folder / "first")
    assert_same(weights(run), weights(make_run(folder, "second", *settings, resume=True)))


def test_a_removed_setting_is_a_change(folder: Path) -> None:
    make_run(folder, "run", "network_options={passes=2}").train(ignore)
    run = make_run(folder, "run", "network_options={}", resume=True)
    assert run.changed == ("network_options.passes",)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_that_vanishes_costs_no_finished_step(folder: Path, workers: int) -> None:
    settings = ("optimiser.steps=60", "validate_every=1000", "data.memory_mib=0", f"data.workers={workers}")
    run = make_run(folder, "run", *settings)

    def remove(progress: Progress) -> None:
        shutil.rmtree(folder / "clean", ignore_errors=True)

    with pytest.raises(InputError, match=r"clean.*--resume") as error:
        run.train(remove)
    assert "\n" not in str(error.value)
    saved = torch.load(folder / "run/state.pt", weights_only=True)
    assert saved["step"] == run.state.step > 0


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (("precision=fp16",), DeviceError, "on CUDA only"),
        (("loss.adversarial=0.01",), UsageError, "at least 70"),
        (("network=balnet-lite", "network_options={}", "data.crop=40"), UsageError, "multiple of 32"),
        (("optimiser.accumulate=3",), UsageError, "does not divide the 4 crops"),
        (("loss.perceptual=1", "loss.vgg=nowhere.pth"), ModelError, "nowhere"),
    ],
)
def test_configs_that_cannot_work_are_one_sentence(folder: Path, settings, error, message: str) -> None:
    with pytest.raises(error, match=message):
        make_run(folder, "run", *settings)


def test_a_damaged_state_is_one_sentence(folder: Path) -> None:
    make_run(folder, "run").train(ignore)
    state = folder / "run/state.pt"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(TrainingError, match="damaged"):
        make_run(folder, "run", resume=True)


def test_tensorboard_gets_curves_and_pictures(folder: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = open_writer(folder / "board", 0)
    assert board is not None
    settings = ('network="balnet-lite"', "network_options={}", "optimiser.steps=10", "validate_every=10")
    seen: list[Progress] = []

    def report(progress: Progress) -> None:
        seen.append(progress)
        board(progress)

    make_run(folder, "run", *settings, "data.batch=1").train(report)
    board.close()
    events = EventAccumulator(str(folder / "board"))
    events.Reload()
    assert events.Scalars("loss/reconstruction")[0].value == pytest.approx(seen[9].losses["reconstruction"])
    assert seen[9].validation is not None
    assert events.Scalars("validation/psnr")[0].value == pytest.approx(seen[9].validation.psnr)
    pictures = [tag for tag in events.Tags()["images"] if tag.startswith("input, output, target, RAM, CAM")]
    assert len(pictures) == 2
    assert (events.Images(pictures[0])[0].width, events.Images(pictures[0])[0].height) == (5 * 64, 48)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_training_on_cuda_learns_as_on_the_cpu(folder: Path, precision: str) -> None:
    config = load_config(folder / "config.toml", (f"precision={precision}",))
    run = Run(config, folder, folder / "cuda", ProcessGroup(device=torch.device("cuda", 0)), resume=False)
    seen: list[Progress] = []
    run.train(seen.append)
    reference: list[Progress] = []
    make_run(folder, "cpu").train(reference.append)
    assert seen[0].losses["reconstruction"] == pytest.approx(reference[0].losses["reconstruction"], rel=0.05)
    resumed = Run(config, folder, folder / "cuda", ProcessGroup(device=torch.device("cuda", 0)), resume=True)
    assert resumed.state.step == 6


@pytest.mark.skipif(os.environ.get("CI") is None and not torch.cuda.is_available(), reason="takes a minute")
def test_a_compiled_run_learns_the_same(folder: Path) -> None:
    plain, compiled = (make_run(folder, out, *more) for out, more in (("a", ()), ("b", ("compile=true",))))
    plain.train(ignore)
    compiled.train(ignore)
    for name, value in weights(plain).items():
        torch.testing.assert_close(weights(compiled)[name], value, rtol=1e-3, atol=1e-4)
