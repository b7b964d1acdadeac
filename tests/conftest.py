"""Fixtures that tests of several parts share: the command line in this process, a model file, pictures."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from deraincli.checkpoint import ModelInfo, model_bytes
from deraincli.cli.app import run
from deraincli.networks import NETWORKS

# Networks of a few channels gain nothing from several threads, and lose much where cores are shared.
torch.set_num_threads(1)


class Finished(NamedTuple):
    """What a command left behind; `out` and `err` are text but for pictures on standard output."""

    code: int
    out: bytes
    err: str


@pytest.fixture
def derain(monkeypatch, capfdbinary, tmp_path) -> Callable[..., Finished]:
    """`derain("image", "in.jpg", stdin=b"…")` as the shell would run it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("MODEL", "TASK", "DEVICE", "PRECISION", "BACKEND", "TILE", "OVERLAP", "MAX_PIXELS"):
        monkeypatch.delenv(f"DERAIN_{name}", raising=False)

    def call(*arguments: object, stdin: bytes = b"") -> Finished:
        monkeypatch.setattr(sys, "argv", ["derain", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as end:
            run()
        captured = capfdbinary.readouterr()
        return Finished(int(end.value.code or 0), captured.out, captured.err.decode())

    return call


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file whose weights change a picture, though not for the better."""
    kind = NETWORKS["balnet-lite"]
    torch.manual_seed(0)
    network = kind.build(kind.config)
    torch.nn.init.normal_(network.restorer.head.weight, std=0.02)
    file = tmp_path_factory.mktemp("model") / "random.safetensors"
    file.write_bytes(model_bytes(network, ModelInfo("balnet-lite", kind.config, "auto")))
    return file


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The benchmark pictures beside the checkout, which are not distributed; tests skip without them."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the benchmark pictures are not beside this checkout")
    return folder
