"""`derain train` as the shell runs it: what it says, its exit codes, what it leaves behind."""

from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from paired import scene, write_picture, write_set

from deraincli.cli.commands.train import _Reporter
from deraincli.cli.output import Output
from deraincli.datasets import leakage
from deraincli.datasets.leakage import perceptual_hash
from deraincli.models.checkpoint import load_model
from deraincli.training.loop import Progress
from deraincli.training.state import Best

CONFIG = """
network = "prenet"
network_options = { passes = 1 }
precision = "fp32"

[data]
clean = ["clean"]
validation = "valid"
crop = 32
batch = 2

[optimiser]
steps = 2
warmup = 1
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for n in range(2):
        write_picture(tmp_path / f"clean/{n}.png", scene(n))
    write_set(tmp_path / "valid", count=1)
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    return path


def test_a_run_ends_with_a_model_and_says_where(config: Path, derain) -> None:
    out = config.parent / "run"
    done = derain("train", config, "--out", out, "--json", "--device", "cpu")
    assert done.code == 0, done.err
    record = json.loads(done.out)
    assert record["run"] == str(out)
    assert record["step"] == record["best_step"] == 2
    assert load_model(out / "best.safetensors")[1].network == "prenet"
    assert "images/s" in done.err
    assert "waiting for data" in done.err


def test_a_finished_run_is_refused_or_left_as_it_is(config: Path, derain) -> None:
    out = config.parent / "run"
    begun = derain("train", config, "--out", out, "--resume")
    assert f"There is no run in {out} to resume. A new run begins." in begun.err
    again = derain("train", config, "--out", out)
    assert again.code == 1
    assert "--resume" in again.err
    before = (out / "state.pt").read_bytes()
    resumed = derain("train", config, "--out", out, "--resume")
    assert (resumed.code, "A new run begins" in resumed.err) == (0, False)
    assert (out / "state.pt").read_bytes() == before


def test_what_a_run_begins_with_and_what_has_changed_is_said(config: Path, derain) -> None:
    begun = derain("train", config, "--out", config.parent / "run")
    assert "Training prenet for task streak on" in begun.err
    assert "in fp32: 2 steps; 2 photos or pairs, 1 pairs to validate on" in begun.err
    assert "has changed" not in begun.err
    on = ("train", config, "--out", config.parent / "run", "--resume", "--set", "optimiser.steps=3")
    longer = derain(*on)
    assert "from step 2 on, 3 steps in all" in longer.err
    assert "has changed in optimiser.steps since" in longer.err
    finished = derain(*on)
    assert "All 3 steps" in finished.err
    assert "has changed" not in finished.err
    shorter = derain("train", config, "--out", config.parent / "run", "--resume")
    assert "All 2 steps" in shorter.err
    assert "3 in all" in shorter.err


def test_a_drop_model_that_would_see_no_drops_is_noted(config: Path, derain) -> None:
    command = ("train", config, "--set", "task=drop", "--out")
    assert "data.drop_share" in derain(*command, config.parent / "a").err
    assert "data.drop_share" not in derain(*command, config.parent / "b", "--set", "data.drop_share=1").err


def test_ctrl_c_says_how_to_go_on(config: Path) -> None:
    out = config.parent / "run"
    command = ["train", config, "--out", out, "--set", "optimiser.steps=100000", "--device", "cpu"]
    with subprocess.Popen(
        [sys.executable, "-m", "deraincli", *map(str, command)], stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        while "Training" not in run.stderr.readline():
            assert run.poll() is None
        run.send_signal(signal.SIGINT)
        said = run.stderr.read()
    assert run.returncode == 130
    assert "same command with --resume" in said


def test_a_run_whose_time_is_up_says_nothing_of_time_left(tmp_path: Path) -> None:
    """A validation may take what was left; the step after it then adds nothing to the share done."""
    reporter = _Reporter(Output(quiet=True), 2, tmp_path, 8)
    first = Progress(9, 60, 1.0, {"ram": 0.1}, psnr=30, rate=0, waiting=0, validation=None, best=Best())
    second = replace(first, step=10)
    reporter(first)
    reporter(second)
    assert reporter._pace(second) == (0.0, "")
    reporter.close()


def test_what_is_left_out_is_said_and_strict_fails(config: Path, derain) -> None:
    (config.parent / "clean/broken.png").write_bytes(b"no picture")
    lenient = derain("train", config, "--out", config.parent / "a")
    assert lenient.code == 0
    assert "broken.png" in lenient.err
    assert "1 pictures or pairs" in lenient.err
    strict = derain("train", config, "--out", config.parent / "b", "--strict")
    assert strict.code == 1
    assert strict.err.startswith("Error: ")
    assert "broken.png" in strict.err


@pytest.mark.parametrize("half", ["input", "target"])
@pytest.mark.parametrize("spoil", ["damaged", "of another size", "too small to be scored"])
def test_a_bad_validation_pair_is_left_out_and_strict_fails(
    config: Path, derain, half: str, spoil: str
) -> None:
    write_set(config.parent / "valid", count=3)
    bad = config.parent / "valid" / half / "2.png"
    bad.write_bytes(bad.read_bytes()[:200])
    if spoil == "of another size":
        write_picture(bad, scene(2, 48, 63))
    if spoil == "too small to be scored":
        for side in ("input", "target"):
            write_picture(config.parent / "valid" / side / "2.png", scene(2, 10, 64))
    lenient = derain("train", config, "--out", config.parent / "a")
    assert lenient.code == 0, lenient.err
    assert "1 pictures or pairs cannot be used" in lenient.err
    assert "2 pairs to validate on" in lenient.err
    strict = derain("train", config, "--out", config.parent / "b", "--strict")
    assert (strict.code, strict.err.count("\n")) == (1, 1)
    for said in (lenient.err, strict.err):
        assert "2.png" in said
    for n in (1, 3):
        (config.parent / "valid" / half / f"{n}.png").unlink()
    alone = derain("train", config, "--out", config.parent / "c")
    assert (alone.code, alone.err.count("\n")) == (1, 1)
    assert "can be used for validation" in alone.err


def test_a_run_that_diverges_ends_in_one_sentence(config: Path, derain) -> None:
    wild = ("optimiser.rate=1e30", "optimiser.muon_rate=1e30", "optimiser.warmup=0", "optimiser.steps=30")
    network = ("network=balnet-lite", "network_options={}", "validate_every=30")
    settings = [word for setting in (*wild, *network) for word in ("--set", setting)]
    done = derain("train", config, "--out", config.parent / "run", "--device", "cpu", *settings)
    assert done.code == 1
    assert "no longer finite" in done.err.splitlines()[-1]


FOREIGN = {
    "text": b"hello\n",
    "JSON": b'{"a": 1}',
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\n",
    "nothing": b"",
    "a pickle": pickle.dumps({"network": 1}),
    "a picture": b"\x89PNG\r\n\x1a\n",
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_state_with_foreign_content_is_one_sentence(config: Path, derain, content: bytes) -> None:
    run = config.parent / "run"
    run.mkdir()
    (run / "state.pt").write_bytes(content)
    done = derain("train", config, "--out", run, "--resume")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "another --out" in done.err
    assert (run / "state.pt").read_bytes() == content


def test_hidden_folders_and_folders_named_like_pictures_hold_no_photos(config: Path, derain) -> None:
    for name in (".thumbnails/1.png", ".Trash-1000/files/2.png", ".3.png"):
        write_picture(config.parent / "clean" / name, scene(3))
    (config.parent / "clean/album.jpg").mkdir()
    done = derain("train", config, "--out", config.parent / "run")
    assert "2 photos or pairs" in done.err
    assert "album.jpg" not in done.err


def test_training_on_test_pictures_is_said_once(config: Path, derain, monkeypatch) -> None:
    bits = leakage._bits(perceptual_hash(scene(1)))
    monkeypatch.setattr(leakage, "_table", lambda: (["Blurs (test)"], bits[None]))
    done = derain("train", config, "--out", config.parent / "run")
    assert done.code == 0
    assert done.err.count("Blurs (test): 1") == 1


def test_options_that_stand_for_keys_reach_the_config(config: Path, derain) -> None:
    derain("train", config, "--out", config.parent / "first")
    model = config.parent / "first/best.safetensors"
    warm = ("--warm-start", model, "--max-minutes", 5)
    begun = derain("train", config, "--out", config.parent / "second", *warm)
    assert f"begun as {model.resolve()}" in " ".join(begun.err.split())
    resolved = json.loads((config.parent / "second/config.json").read_text())
    assert resolved["warm_start"] == str(model.resolve())
    assert resolved["max_minutes"] == 5


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--set", "data.clena=[]"], 2, "did you mean data.clean"),
        (["--set", "precision=fp16", "--device", "cpu"], 1, "on CUDA only"),
        (["--device", "cuda:99"], 1, "no device"),
        (["--set", "data.validation=nowhere"], 1, "nowhere"),
        (["--set", 'data.clean=["nowhere"]'], 1, "no folder of photos"),
        (["--set", 'data.clean=["valid"]'], 1, "holds pairs"),
        (["--set", "network=resnet"], 2, "network = 'resnet'"),
        (["--set", "optimizer.steps=3"], 2, "--set optimizer.steps=3: unknown key optimizer"),
        (["--warm-start", "nowhere.safetensors"], 1, "nowhere.safetensors"),
        (["--max-minutes", "inf"], 2, "max_minutes: Input should be a finite number"),
        (["--set", "optimiser.rate=inf"], 2, "optimiser.rate: Input should be a finite number"),
        (["--set", f"seed={2**64}"], 2, "seed: Input should be less than"),
        (["--set", 'data.paired=[{folder="valid", weight=inf}]'], 2, "weight: Input should be a finite"),
    ],
)
def test_mistakes_are_one_sentence(config: Path, derain, arguments: list[str], code: int, says: str) -> None:
    done = derain("train", config, "--out", config.parent / "run", *arguments)
    assert done.code == code
    assert says in done.err
    assert len(done.err.splitlines()) == 1
