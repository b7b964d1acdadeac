"""What runs a model where the user leaves it to the program."""

from __future__ import annotations

import sys

import pytest

from deraincli.errors import ModelError, UsageError
from deraincli.restoration import backend_choice
from deraincli.restoration.backend_choice import (
    CPU_WITH_BF16,
    GPU,
    MILLISECONDS,
    OTHER_CPU,
    choose_backend,
    fastest_first,
    kind_of_device,
)

pytest.importorskip("openvino")


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch):
    """Hides modules, as if they were not installed."""

    def hide(*names: str) -> None:
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)

    return hide


def test_the_table_is_sorted() -> None:
    for kind, measured in MILLISECONDS.items():
        assert list(measured.values()) == sorted(measured.values())
        assert fastest_first(kind) == tuple(measured)
        assert set(measured) == set(fastest_first(GPU))


def test_auto_takes_the_fastest_that_is_installed(hide) -> None:
    order = list(fastest_first(kind_of_device("cpu")))
    while order:
        assert choose_backend("auto", None, "cpu") == order[0]
        assert choose_backend("auto", "balnet-small", "cpu") == order[0]
        hide("torch" if order[0] == "eager" else order[0])
        order.pop(0)
    with pytest.raises(ModelError, match="Nothing that runs a model is installed"):
        choose_backend("auto", None, "cpu")


def test_the_default_does_not_depend_on_what_else_is_installed(hide) -> None:
    assert choose_backend(None, None) == "eager"
    hide("openvino", "onnxruntime")
    assert choose_backend(None, None) == "eager"


@pytest.mark.parametrize("request_", [None, "auto"])
def test_models_without_a_graph_run_in_pytorch_and_exports_do_not(request_: str | None) -> None:
    assert choose_backend(request_, "runs/mine.safetensors", "cpu") == "eager"
    assert choose_backend(request_, "mine.onnx", "cpu") in ("openvino", "onnxruntime")
    assert choose_backend(request_, "mine.openvino", "cpu") == "openvino"
    with pytest.raises(UsageError, match=r"'mine.openvino' is an export: set backend to auto or openvino"):
        choose_backend("eager", "mine.openvino")


def test_a_gpu_means_pytorch() -> None:
    assert kind_of_device("cuda:1") == kind_of_device("mps") == GPU
    assert choose_backend("auto", None, "cuda") == "eager"


def test_a_cpu_has_bf16_if_pytorch_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from deraincli.inference.backends.torch_device import cpu_has_bf16

    monkeypatch.setattr(backend_choice, "_has_gpu", lambda: False)
    assert kind_of_device() == kind_of_device("cpu") == (CPU_WITH_BF16 if cpu_has_bf16() else OTHER_CPU)
