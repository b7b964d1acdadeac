"""`derain image -m dsc` and `-m gmm`: whole pictures, a limit of time, what a classical method cannot do."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from paired import rain_on, scene, write_picture, write_set

import deraincli
from deraincli.errors import ModelError, UsageError
from deraincli.files.locations import weights_folder
from deraincli.models.classical.gmm import PRIOR_FILE
from deraincli.models.classical.registry import CLASSICAL_METHODS


@pytest.fixture
def rainy(tmp_path: Path) -> Path:
    return write_picture(tmp_path / "rainy.png", rain_on(scene(1), 1))


def pixels_of(path: Path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1]


@pytest.mark.parametrize("method", CLASSICAL_METHODS)
def test_no_time_gives_the_picture_back_and_says_so(derain, rainy: Path, method: str) -> None:
    out = rainy.with_name("out.png")
    done = derain("image", rainy, "-o", out, "-m", method, "--max-seconds", 0)
    assert done.code == 0
    np.testing.assert_array_equal(pixels_of(out), pixels_of(rainy))
    assert f"after 0 of {CLASSICAL_METHODS[method].steps} steps" in done.err


def test_a_whole_picture_is_restored_whatever_its_sides(derain, tmp_path: Path) -> None:
    rainy = write_picture(tmp_path / "odd.png", rain_on(scene(2, 37, 29), 2))
    out = tmp_path / "out.png"
    record = json.loads(derain("image", rainy, "-o", out, "-m", "gmm", "--json").out)
    assert (record["model"], record["device"], record["status"]) == ("gmm", "cpu", "done")
    assert pixels_of(out).shape == (37, 29, 3)
    assert not np.array_equal(pixels_of(out), pixels_of(rainy))


def test_progress_counts_the_steps_of_a_classical_method() -> None:
    heard: list[tuple[int, int]] = []
    derainer = deraincli.load("gmm")
    derainer.restore(scene(1, 16, 16), on_progress=lambda done, total: heard.append((done, total)))
    steps = CLASSICAL_METHODS["gmm"].steps
    assert heard[: steps + 1] == [(done, steps) for done in range(steps + 1)]


@pytest.mark.parametrize(
    "arguments",
    [("--tile", 64), ("--backend", "compile"), ("--device", "cuda"), ("--precision", "bf16")],
)
def test_what_a_classical_method_cannot_do_is_one_sentence(derain, rainy: Path, arguments) -> None:
    done = derain("image", rainy, "-o", rainy.with_name("out.png"), "-m", "gmm", *arguments)
    assert done.code != 0
    assert "classical method" in done.err
    assert done.err.count("\n") == 1
    assert not rainy.with_name("out.png").exists()


def test_a_network_takes_no_limit_of_time(derain, rainy: Path, random_model: Path) -> None:
    done = derain("image", rainy, "-m", random_model, "--max-seconds", 1)
    assert done.code == 2
    assert "dsc and gmm" in done.err


def test_a_classical_method_has_no_maps_to_record() -> None:
    with pytest.raises(UsageError, match="attention"):
        deraincli.load("gmm").restore(scene(1, 16, 16), levels=True)


def test_the_file_of_a_prior_is_no_model() -> None:
    with pytest.raises(ModelError, match="not a model of deraincli"):
        deraincli.load(str(weights_folder() / PRIOR_FILE))


@pytest.mark.parametrize("command", ["eval", "batch"])
def test_commands_without_classical_methods_say_which_have_them(derain, tmp_path: Path, command: str) -> None:
    write_set(tmp_path / "set", count=1)
    done = derain(command, tmp_path / "set", "-m", "gmm")
    assert done.code == 2
    assert "image, compare and bench" in done.err
    assert "--results" in done.err


@pytest.mark.parametrize("network", ["ddn", "balnet"])
def test_a_network_without_weights_says_how_to_get_some(derain, rainy: Path, network: str) -> None:
    done = derain("image", rainy, "-m", network)
    assert done.code == 2
    assert "derain train" in done.err


def test_a_missing_prior_is_one_sentence(derain, rainy: Path, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr("deraincli.model_zoo.resolve.weights_folder", lambda: tmp_path)
    done = derain("image", rainy, "-m", "gmm")
    assert done.code == 1
    assert "install deraincli again" in done.err
