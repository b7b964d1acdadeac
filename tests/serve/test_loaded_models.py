"""The models of a server."""

from __future__ import annotations

import gc

import pytest

from deraincli.inference.backends.torch_backend import TorchBackend
from deraincli.model_zoo.catalogue import SHIPPED
from deraincli.restoration.load import LoadOptions
from deraincli.serve.loaded_models import LoadedModels


def networks() -> list[TorchBackend]:
    """The networks in memory."""
    gc.collect()
    return [each for each in gc.get_objects() if type(each) is TorchBackend]


@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_a_server_keeps_each_file_once_whatever_it_is_asked_for(precision: str) -> None:
    before = networks()
    models = LoadedModels(LoadOptions(backend="eager", device="cpu", precision=precision))
    for offered in models.offered():
        for task in ("auto", "streak", "drop"):
            models.open(offered.name, task)
    assert len(networks()) - len(before) == len(SHIPPED)
