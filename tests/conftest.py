"""Fixtures that tests of several parts share: the command line in this process, a model file, pictures."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import tiny_models
import torch
from hub_shell import Shell
from loopback_hub import LoopbackHub

from deraincli.cli.app import run

pytest_plugins = ["expected_skips", "browsers"]

# Networks of a few channels gain nothing from several threads, and lose much where cores are shared.
torch.set_num_threads(1)

# A shell ignores SIGINT for jobs in the background. The commands that tests interrupt would inherit this.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    """A Hugging Face Hub on this machine."""
    server = LoopbackHub()
    yield server
    server.close()


@pytest.fixture
def shell(hub: LoopbackHub, tmp_path: Path) -> Shell:
    """Commands that ask that Hub, with a cache of their own."""
    return Shell(hub, tmp_path)


class Finished(NamedTuple):
    """What a command left behind; `out` and `err` are text but for pictures on standard output."""

    code: int
    out: bytes
    err: str


@pytest.fixture
def derain(monkeypatch, capfdbinary, tmp_path) -> Callable[..., Finished]:
    """`derain("image", "in.jpg", stdin=b"…")` as the shell would run it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # which the command line replaces
    for name in [name for name in os.environ if name.startswith("DERAIN_")]:
        monkeypatch.delenv(name)

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
    file = tmp_path_factory.mktemp("model") / "random.safetensors"
    file.write_bytes(tiny_models.random_model())
    return file


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The benchmark pictures beside the checkout, which are not distributed; tests skip without them."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the benchmark pictures are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file with every kind of layer of balnet-lite but few channels."""
    file = tmp_path_factory.mktemp("model") / "small.safetensors"
    file.write_bytes(tiny_models.random_model(tiny_models.TINY))
    return file


@pytest.fixture(scope="session")
def shallow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of few layers. It exports in two seconds; the small model takes twenty."""
    file = tmp_path_factory.mktemp("model") / "shallow.safetensors"
    file.write_bytes(tiny_models.shallow_model())
    return file


@pytest.fixture(scope="session")
def small_export(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model as ONNX."""
    pytest.importorskip("onnxscript")
    from deraincli.export.exporter import export_model

    file = tmp_path_factory.mktemp("export") / "small.onnx"
    file.write_bytes(export_model(tiny_models.model_file(small_model), "onnx").data)
    return file
