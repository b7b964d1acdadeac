"""`derain weights` where no network is needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from paired import write_set

from deraincli.catalogue import SHIPPED

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
        for score in model["scores"]:
            assert score.keys() == {"dataset", "protocol", "psnr", "ssim"}


def test_list_and_info_for_reading(derain) -> None:
    table = derain("weights", "list").out.decode()
    assert all(name in table for name in SHIPPED)
    for name, entry in SHIPPED.items():
        told = derain("weights", "info", name).out.decode()
        assert entry.sha256 in told
        assert entry.licence in told


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
    assert [check["check"] for check in told["checks"]] == ["sha256", "keys", "picture"]
    assert derain("weights", "verify", next(iter(SHIPPED))).code == 0


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
    assert not checkpoint.with_suffix(".safetensors").exists()
    assert derain("weights", "import", checkpoint, "--network", "resnet").code == 2
    assert derain("weights", "import", checkpoint, "--network", "prenet", "-o", tmp_path / "net.pt").code == 2


def test_a_pull_of_what_ships_says_so(derain) -> None:
    done = derain("weights", "pull", next(iter(SHIPPED)))
    assert done.code == 0
    assert "ships" in done.err
