"""What makes two results the same: every setting has been judged, and those that show change the identity."""

from __future__ import annotations

import inspect
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from deraincli.attention_maps.outputs import Wanted
from deraincli.batch.outcome import RestoreSettings
from deraincli.files.manifest import Job
from deraincli.model_zoo.resolve import ResolvedModel, resolve_model
from deraincli.restoration import identity
from deraincli.restoration.control import ControlOptions
from deraincli.restoration.identity import results_identity
from deraincli.restoration.load import LoadOptions, load

SHOWS = {
    "precision": "bf16",
    "backend": "compile",
    "tile": 256,
    "overlap": 64,
    "working_side": "full",
    "max_seconds": 5.0,
    "ensemble": True,
}
"""Arguments of `load` that show in the pixels, each with another value than its default."""
STOOD_FOR_BY_THE_WEIGHTS = {"model", "task"}
DIFFERS_BETWEEN_MACHINES = {"device", "provider"}

SAVED = {"format": "PNG", "quality": 50, "keep_metadata": False}
DOES_NOT_SHOW = {"max_pixels", "overwrite"}

DEFAULTS = LoadOptions()


def weights(tmp_path: Path, content: bytes) -> ResolvedModel:
    """A model file that holds these bytes."""
    file = tmp_path / f"{content.hex()}.safetensors"
    file.write_bytes(content)
    return resolve_model(str(file))


@pytest.fixture
def model(tmp_path: Path) -> ResolvedModel:
    return weights(tmp_path, b"weights")


def test_every_argument_of_load_is_judged() -> None:
    assert set(asdict(DEFAULTS)) == set(SHOWS) | STOOD_FOR_BY_THE_WEIGHTS | DIFFERS_BETWEEN_MACHINES


def test_the_options_are_the_arguments_of_load() -> None:
    arguments = {name: parameter.default for name, parameter in inspect.signature(load).parameters.items()}
    assert asdict(DEFAULTS) == arguments


@pytest.mark.parametrize("setting", SHOWS)
def test_a_setting_that_shows_changes_the_identity(model: ResolvedModel, setting: str) -> None:
    changed = replace(DEFAULTS, **{setting: SHOWS[setting]})
    assert changed != DEFAULTS
    assert results_identity(model, changed) != results_identity(model, DEFAULTS)


@pytest.mark.parametrize("setting", sorted(STOOD_FOR_BY_THE_WEIGHTS | DIFFERS_BETWEEN_MACHINES))
def test_other_settings_do_not(model: ResolvedModel, setting: str) -> None:
    changed = replace(DEFAULTS, **{setting: "x"})
    assert results_identity(model, changed) == results_identity(model, DEFAULTS)


def test_weights_version_and_what_else_shows_change_it(
    model: ResolvedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = results_identity(model, DEFAULTS)
    assert results_identity(weights(tmp_path, b"other weights"), DEFAULTS) != known
    assert results_identity(model, DEFAULTS, "PNG") != known
    monkeypatch.setattr(identity, "RESULTS_VERSION", identity.RESULTS_VERSION + 1)
    assert results_identity(model, DEFAULTS) != known


@pytest.mark.parametrize("setting", SAVED)
def test_a_batch_adds_how_results_are_saved(model: ResolvedModel, tmp_path: Path, setting: str) -> None:
    settings = RestoreSettings(DEFAULTS, model)
    job = Job(tmp_path / "a.jpg", "a.jpg", tmp_path, "b.jpg")
    known = settings.identity(job)
    assert {field.name for field in fields(settings)} == {"load", "model", "control", *SAVED, *DOES_NOT_SHOW}
    assert replace(settings, **{setting: SAVED[setting]}).identity(job) != known
    assert replace(settings, model=weights(tmp_path, b"other")).identity(job) != known
    assert replace(settings, control=ControlOptions(0.5)).identity(job) != known
    assert replace(settings, max_pixels=1, overwrite=True).identity(job) == known


def test_the_strength_and_the_content_of_each_mask_change_it(model: ResolvedModel, tmp_path: Path) -> None:
    def identity(strength: float = 1.0, mask: bytes | None = None, protect: bytes | None = None) -> str:
        files = {"mask": mask, "protect": protect}
        for name, content in files.items():
            (tmp_path / name).write_bytes(content or b"")
        paths = {name: tmp_path / name for name, content in files.items() if content}
        return results_identity(model, DEFAULTS, control=ControlOptions(strength, **paths))

    shown = [
        *(identity(), identity(0.5), identity(1.0, b"a"), identity(1.0, b"bb"), identity(1.0, None, b"a")),
        *(identity(1.0, b"a", b"bb"), identity(1.0, b"bb", b"a"), identity(0.5, b"a")),
    ]
    assert len(set(shown)) == len(shown)
    assert identity(0.5, b"a") == shown[-1]


def test_every_choice_of_attention_maps_is_judged() -> None:
    """Alpha and threshold enter the identity; the others choose which files there are."""
    assert {field.name for field in fields(Wanted)} == {
        "alpha",
        "threshold",
        "figure",
        "levels",
        "rain",
        "page",
    }
