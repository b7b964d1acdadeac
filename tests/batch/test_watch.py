"""Watching folders that cannot be watched."""

from __future__ import annotations

import pytest

from deraincli.batch.outcome import RestoreSettings
from deraincli.batch.watch import watch
from deraincli.errors import InputError
from deraincli.model_zoo.resolve import resolve_model
from deraincli.restoration.load import LoadOptions


def test_a_folder_that_cannot_be_watched_is_one_sentence(tmp_path) -> None:
    settings = RestoreSettings(LoadOptions(), resolve_model(None))
    outcomes = watch(list, [tmp_path / "gone"], settings, lambda jobs: iter(()), lambda: None)
    with pytest.raises(InputError, match="cannot be watched: No such file"):
        next(outcomes)
