"""Verification: the shipped models pass, and damage of any kind does not."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from deraincli.diagnostics.known_picture import SIDE, known_pair
from deraincli.diagnostics.verify import verify
from deraincli.errors import ModelError
from deraincli.model_zoo import catalogue, resolve
from deraincli.model_zoo.resolve import resolve_model
from deraincli.models.checkpoint import load_model, model_bytes


def passed(model: str) -> dict[str, bool | None]:
    return {check.name: check.passed for check in verify(model, device="cpu")}


@pytest.mark.parametrize("task", ["streak", "drop", "auto"])
def test_known_pictures_are_rainy_in_places_only(task: str) -> None:
    rainy, clean = known_pair(task)
    assert rainy.shape == clean.shape == (SIDE, SIDE, 3)
    difference = np.abs(rainy.astype(int) - clean).max(2)
    assert 0.02 < (difference > 10).mean() < 0.4
    assert (difference == 0).mean() > 0.4


def test_streaks_brighten_and_drops_refract() -> None:
    for task, brightened in (("streak", True), ("drop", False)):
        rainy, clean = known_pair(task)
        assert (rainy >= clean).all() == brightened


@pytest.mark.parametrize("name", catalogue.SHIPPED)
def test_shipped_models_pass_and_gain(name: str) -> None:
    assert all(passed(name).values())
    [picture] = [check for check in verify(name, device="cpu") if check.name == "picture"]
    before, after = (float(part.split(" dB")[0]) for part in picture.found.split(", ")[:2])
    assert after > before + 1


def test_damage_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random_model: Path) -> None:
    """Other weights under a shipped name, a result off by more than rounding, and a model of no use."""
    name, entry = next(iter(catalogue.SHIPPED.items()))
    network, info = load_model(resolve_model(name).files[0].path)
    network.restorer.head.weight.data *= 0.8
    (tmp_path / entry.file).write_bytes(model_bytes(network, info))
    monkeypatch.setattr(resolve, "weights_folder", lambda: tmp_path)
    with pytest.raises(ModelError, match="damaged"):
        verify(name)
    monkeypatch.undo()
    monkeypatch.setitem(catalogue.SHIPPED, name, dataclasses.replace(entry, known_psnr=entry.known_psnr + 1))
    assert passed(name) == {"sha256": True, "keys": True, "picture": False}
    assert passed(str(random_model)) == {"sha256": None, "keys": True, "picture": False}


def test_a_file_is_verified_without_the_library_of_the_hub(monkeypatch, small_model: Path) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delitem(sys.modules, "deraincli.model_zoo.hub", raising=False)
    assert passed(str(small_model))["keys"]
