"""What makes two results the same: every setting has been judged, and those that show change the identity."""

from __future__ import annotations

import inspect
from dataclasses import fields, replace

import pytest

from deraincli.attention_maps.outputs import Wanted
from deraincli.batch.outcome import RestoreSettings
from deraincli.restoration import identity
from deraincli.restoration.identity import results_identity
from deraincli.restoration.load import load

SHOWS = {
    "precision": "bf16",
    "backend": "compile",
    "tile": 256,
    "overlap": 64,
    "working_side": "full",
    "max_seconds": 5.0,
}
"""Arguments of `load` that show in the pixels, each with another value than its default."""
STOOD_FOR_BY_THE_WEIGHTS = {"model", "task"}
DIFFERS_BETWEEN_MACHINES = {"device"}

SAVED = {"format": "PNG", "quality": 50, "keep_metadata": False}
DOES_NOT_SHOW = {"max_pixels", "overwrite"}

DEFAULTS = {name: parameter.default for name, parameter in inspect.signature(load).parameters.items()}


def test_every_argument_of_load_is_judged() -> None:
    assert set(DEFAULTS) == set(SHOWS) | STOOD_FOR_BY_THE_WEIGHTS | DIFFERS_BETWEEN_MACHINES


@pytest.mark.parametrize("setting", SHOWS)
def test_a_setting_that_shows_changes_the_identity(setting: str) -> None:
    assert DEFAULTS[setting] != SHOWS[setting]
    changed = results_identity("weights", DEFAULTS | {setting: SHOWS[setting]})
    assert changed != results_identity("weights", DEFAULTS)


@pytest.mark.parametrize("setting", sorted(STOOD_FOR_BY_THE_WEIGHTS | DIFFERS_BETWEEN_MACHINES))
def test_other_settings_do_not(setting: str) -> None:
    assert results_identity("weights", DEFAULTS | {setting: "x"}) == results_identity("weights", DEFAULTS)


def test_weights_version_and_what_else_shows_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    known = results_identity("weights", DEFAULTS)
    assert results_identity("other weights", DEFAULTS) != known
    assert results_identity("weights", DEFAULTS, "PNG") != known
    monkeypatch.setattr(identity, "RESULTS_VERSION", identity.RESULTS_VERSION + 1)
    assert results_identity("weights", DEFAULTS) != known


@pytest.mark.parametrize("setting", SAVED)
def test_a_batch_adds_how_results_are_saved(setting: str) -> None:
    settings = RestoreSettings(DEFAULTS, "weights")
    assert {field.name for field in fields(settings)} == {"network", "sha256", *SAVED, *DOES_NOT_SHOW}
    assert replace(settings, **{setting: SAVED[setting]}).identity != settings.identity
    assert replace(settings, sha256="other").identity != settings.identity
    assert replace(settings, max_pixels=1, overwrite=True).identity == settings.identity


def test_every_choice_of_attention_maps_is_judged() -> None:
    """Alpha and threshold enter the identity; the others choose which files there are."""
    assert {field.name for field in fields(Wanted)} == {"alpha", "threshold", "figure", "levels", "rain"}
