"""`derain weights` where no network is needed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from paired import scene, write_picture, write_set
from safetensors import safe_open
from safetensors.torch import load_file, save

from deraincli.files.locations import weights_folder
from deraincli.model_zoo import resolve
from deraincli.model_zoo.catalogue import AUTO_MODEL, SHIPPED
from deraincli.runtime.installation import repair_command

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = Path(__file__).parents[2] / "examples" / "rainy_chelsea.jpg"

KEYS = {"name", "task", "parameters", "sha256", "file", "licence", "provenance", "scores"}


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def test_list_and_info_tell_what_scripts_rely_on(derain) -> None:
    listed = [json.loads(line) for line in derain("weights", "list", "--json").out.splitlines()]
    assert {model["name"] for model in listed} >= set(SHIPPED)
    for model in listed:
        assert model.keys() >= KEYS
        assert json.loads(derain("weights", "info", model["name"], "--json").out) == model
        assert Path(model["file"]).is_file()
        if model["name"] == AUTO_MODEL.name:
            assert [member["name"] for member in model["members"]] == list(AUTO_MODEL.members.values())
        for score in model["scores"]:
            assert score.keys() == {"dataset", "protocol", "psnr", "ssim"}


def test_list_and_info_for_reading(derain) -> None:
    table = derain("weights", "list").out.decode()
    assert all(name in table for name in SHIPPED)
    members = [SHIPPED[name] for name in AUTO_MODEL.members.values()]
    told = derain("weights", "info", AUTO_MODEL.name).out.decode()
    for member in members:
        assert member.sha256 in told
        assert all(f"{score.psnr:.2f} dB" in told for score in member.scores)
    for where in (table, (DOCS / "models-and-hub.md").read_text()):
        (row,) = (line for line in where.splitlines() if re.search(rf"\W{AUTO_MODEL.name}\W.* × ", line))
        assert {f"2 × {member.parameters:,}" in row for member in members} == {True}
    for name, entry in SHIPPED.items():
        told = derain("weights", "info", name).out.decode()
        assert entry.sha256 in told
        assert entry.licence in told
        megabytes = float(re.search(r"size: +([\d.]+) MB", told)[1])
        assert megabytes == pytest.approx(
            (weights_folder() / f"{name}.safetensors").stat().st_size / 1e6, abs=0.06
        )


def test_info_of_a_file_and_of_a_runs_folder(derain, random_model: Path, tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").write_bytes(random_model.read_bytes())
    for given in (random_model, tmp_path):
        told = json.loads(derain("weights", "info", given, "--json").out)
        assert (told["name"], told["task"], told["licence"]) == (str(given), "auto", None)
    assert derain("weights", "info", tmp_path / "nothing.safetensors").code == 1
    (tmp_path / "empty").mkdir()
    assert "best.safetensors" in derain("weights", "info", tmp_path / "empty").err


def test_verify_answers_by_its_exit_code(derain, random_model: Path) -> None:
    done = derain("weights", "verify", random_model, "--json")
    assert done.code == 1
    told = json.loads(done.out)
    assert told["passed"] is False
    assert [(check["check"], check["passed"]) for check in told["checks"]] == [
        ("sha256", None),
        ("keys", True),
        ("picture", False),
    ]
    name = next(iter(SHIPPED))
    done = derain("weights", "verify", "missing.safetensors", name)
    assert (done.code, "missing.safetensors" in done.err) == (3, True)
    assert done.out.decode().startswith(f"{name}: sha256 ok")
    done = derain("weights", "verify", "missing.safetensors", "--json")
    assert (done.code, json.loads(done.out)["passed"]) == (1, False)
    assert derain("weights", "verify", "no-such-model").code == 2


@pytest.mark.parametrize("path", ["runs/none", "./none", "runs/", "runs/none.pth", "none.safetensors"])
@pytest.mark.parametrize(
    "command", ["image photo.png -m", "bench -m", "weights info", "weights verify", "weights export"]
)
def test_the_path_of_no_model_is_answered_as_a_missing_file(
    derain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, path: str
) -> None:
    """A word with a slash is a path. Other words are names, of which the nearest is shown (exit code 2)."""
    monkeypatch.chdir(tmp_path)
    write_picture(tmp_path / "photo.png", scene(0, 16, 16))
    done = derain(*command.split(), path)
    assert (done.code, done.out, done.err.count("\n")) == (1, b"", 1)
    assert re.match(f"Error: There is no .*file.* '{re.escape(path)}': check its name", done.err)
    named = derain(*command.split(), "balnet-lite-strek")
    assert (named.code, "did you mean balnet-lite-streak" in named.err) == (2, True)


@pytest.fixture
def damaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The shipped weights, one bit of one of them turned over; its name."""
    copies = tmp_path / "weights"
    shutil.copytree(weights_folder(), copies)
    monkeypatch.setattr(resolve, "weights_folder", lambda: copies)
    name = "balnet-lite-drop"
    file = copies / SHIPPED[name].file
    data = bytearray(file.read_bytes())
    data[-1000] ^= 1
    file.write_bytes(data)
    return name


def test_a_damaged_shipped_model_is_noticed(derain, damaged: str, tmp_path: Path) -> None:
    for arguments in (
        ("image", EXAMPLE, "-o", tmp_path / "o.png"),
        ("image", EXAMPLE, "-o", tmp_path / "o.png", "--task", "drop"),
        ("weights", "push", damaged, "hf:someone/rain", "--dry-run"),
        ("weights", "verify", damaged),
    ):
        done = derain(*arguments)
        assert (done.code, repair_command() in done.err) == (1, True), arguments
    assert derain("image", EXAMPLE, "-o", tmp_path / "o.png", "--task", "streak").code == 0


def test_a_damaged_shipped_model_does_not_hide_the_others(derain, damaged: str) -> None:
    done = derain("weights", "list", "--json")
    listed = {model["name"]: model for model in map(json.loads, done.out.splitlines())}
    assert (done.code, repair_command() in listed[damaged]["error"]) == (3, True)
    assert listed["balnet-lite-streak"].keys() >= KEYS
    done = derain("weights", "list")
    assert (done.code, done.err.count("Error")) == (3, 1)
    assert "damaged" in done.out.decode()


@pytest.mark.parametrize("columns", [60, 80])
def test_names_and_tasks_stay_readable(derain, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    table = re.sub(r"\x1b\[[\d;]*m", "", derain("weights", "list").out.decode())
    assert max(map(len, table.splitlines())) <= columns
    for name, entry in SHIPPED.items():
        [line] = [line for line in table.splitlines() if name in line]
        assert entry.tasks[0] in line


def test_a_task_that_there_is_not_is_refused(derain, tmp_path: Path, random_model: Path) -> None:
    file = tmp_path / "odd.safetensors"
    with safe_open(random_model, "pt") as model:
        said = {**model.metadata(), "task": "\x1b[31mdrop"}
    file.write_bytes(save(load_file(random_model), said))
    for arguments in (("weights", "info", file), ("image", EXAMPLE, "-o", tmp_path / "o.png", "-m", file)):
        done = derain(*arguments)
        assert (done.code, "auto, streak, drop" in done.err, "\x1b" in done.err) == (1, True, False)


def test_the_file_that_holds_a_bad_config_is_named(derain, tmp_path: Path, random_model: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(save(load_file(random_model)))
    described = {"network": "balnet-lite", "config": {"nonsense": 1}}
    (tmp_path / "config.json").write_text(json.dumps(described))
    done = derain("image", EXAMPLE, "-o", tmp_path / "o.png", "-m", tmp_path)
    assert (done.code, f"The config in {tmp_path / 'config.json'}" in done.err) == (1, True)


def test_what_must_not_be_published_is_refused(derain, tmp_path: Path, random_model: Path) -> None:
    tensors = load_file(random_model)
    next(iter(tensors.values())).view(-1)[0] = float("nan")
    with safe_open(random_model, "pt") as model:
        (tmp_path / "nan.safetensors").write_bytes(save(tensors, model.metadata()))
    shipped = weights_folder() / SHIPPED["balnet-lite-streak"].file
    for model, options, code, says in (
        ("balnet-lite", (), 2, "balnet-lite-streak and balnet-lite-drop"),
        ("balnet-lite-streak", ("--licence", "mit"), 2, "weights/README.md"),
        (shipped, ("--licence", "mit"), 2, "weights/README.md"),
        (tmp_path / "nan.safetensors", (), 1, "not finite"),
    ):
        done = derain("weights", "push", model, "hf:someone/rain", "--dry-run", *options)
        assert (done.code, done.out, says in done.err) == (code, b"", True), done.err


def test_a_dry_push_shows_the_card_with_measured_figures(derain, random_model: Path, tmp_path: Path) -> None:
    dataset = write_set(tmp_path / "set", count=2)
    arguments = ["weights", "push", random_model, "hf:someone/rain", "--dry-run", "--licence", "mit"]
    card = derain(*arguments, "--measure", dataset).out.decode()
    assert "license: mit" in card
    measured = json.loads(
        derain("eval", dataset, "-m", random_model, "--precision", "fp32", "--json").out.splitlines()[-1]
    )
    assert (
        f"| set, 2 pairs | {measured['protocol']} | {measured['psnr']:.2f} dB | {measured['ssim']:.4f} |"
        in card
    )
    assert "Measured" not in derain(*arguments).out.decode()


def test_import_writes_a_model_once(derain, tmp_path: Path) -> None:
    checkpoint = tmp_path / "net.pth"
    torch.save({"foreign": torch.zeros(1)}, checkpoint)
    done = derain("weights", "import", checkpoint, "--network", "prenet")
    assert done.code == 1
    assert "has no place" in done.err
    torch.save({"conv0.0.weight": torch.zeros(32, 6, 3, 3)}, checkpoint)
    assert "has no conv_f.0.bias" in derain("weights", "import", checkpoint, "--network", "prenet").err
    assert not checkpoint.with_suffix(".safetensors").exists()
    assert derain("weights", "import", checkpoint, "--network", "resnet").code == 2
    assert derain("weights", "import", checkpoint, "--network", "prenet", "-o", tmp_path / "net.pt").code == 2


def test_a_pull_of_what_ships_says_so(derain) -> None:
    done = derain("weights", "pull", next(iter(SHIPPED)))
    assert done.code == 0
    assert b"ships" in done.out
    assert done.err == ""


def test_average_writes_a_model_that_restores(derain, random_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "best.safetensors").write_bytes(random_model.read_bytes())
    target = tmp_path / "mean.safetensors"
    arguments = ["weights", "average", random_model, folder, "-o", target]
    done = derain(*arguments, "--shares", "3,1", "--json")
    assert (done.code, done.err) == (0, "")
    shares = [(part["model"], part["share"]) for part in json.loads(done.out)["models"]]
    assert shares == [(str(random_model), 0.75), (str(folder), 0.25)]
    assert derain("image", EXAMPLE, "-o", tmp_path / "o.png", "-m", target).code == 0
    before = target.read_bytes()
    assert derain(*arguments).code == 1
    assert target.read_bytes() == before
    assert derain(*arguments, "--overwrite").code == 0


def test_what_cannot_be_averaged_is_refused(derain, random_model: Path, tmp_path: Path) -> None:
    target = tmp_path / "mean.safetensors"
    for models, options, code, says in (
        ((random_model,), (), 2, "name another one"),
        ((random_model, "balnet-lite"), (), 2, "balnet-lite-streak or balnet-lite-drop"),
        ((random_model, "balnet-small"), (), 1, "has the task"),
        (("balnet-lite-streak", "balnet-lite-drop"), (), 1, "balnet-lite-drop has the task 'drop'"),
        (("balnet-lite-streak", "balnet-lite-free"), (), 1, "go back to one trained model"),
        ((random_model, random_model), ("--shares", "1"), 2, "2 positive numbers"),
        ((random_model, random_model), ("--shares", "1,-1"), 2, "2 positive numbers"),
        ((random_model, random_model), ("--shares", "1,nan"), 2, "2 positive numbers"),
        ((random_model, random_model), ("--shares", "1,x"), 2, "2 positive numbers"),
        ((random_model, random_model), ("-o", tmp_path / "mean.pt"), 2, ".safetensors"),
        ((random_model, tmp_path / "no.safetensors"), (), 1, "no.safetensors"),
    ):
        done = derain("weights", "average", *models, "-o", target, *options)
        assert (done.code, done.out, says in done.err) == (code, b"", True), done.err
    assert not list(tmp_path.iterdir())
