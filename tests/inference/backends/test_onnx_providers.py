"""What ONNX Runtime computes with, for builds that this machine need not have."""

from __future__ import annotations

import re

import pytest

from deraincli.errors import DeviceError, UsageError
from deraincli.inference.backends.onnx_providers import CPU, PROVIDERS, choose_providers, device_name

EVERYTHING = ["TensorrtExecutionProvider", *reversed(PROVIDERS.values()), "AzureExecutionProvider"]
"""ONNX Runtime's names, in an order that is not ours, with some that we do not use."""


def names(*arguments: object) -> list[str]:
    return [name for name, _ in choose_providers(*arguments)]


def test_auto_takes_what_is_there_the_fastest_first_and_the_cpu_last() -> None:
    assert names(EVERYTHING) == list(PROVIDERS.values())
    assert names([CPU, PROVIDERS["coreml"]]) == [PROVIDERS["coreml"], CPU]
    assert names([CPU]) == [CPU]


def test_the_cpu_means_no_gpu() -> None:
    assert names(EVERYTHING, "cpu") == [CPU]
    assert names(EVERYTHING, "cpu", "openvino") == [PROVIDERS["openvino"], CPU]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_is_asked_for_comes_first(provider: str) -> None:
    assert names(EVERYTHING, "auto", provider) == list(dict.fromkeys([PROVIDERS[provider], CPU]))
    alone = [CPU]
    if provider != "cpu":
        with pytest.raises(DeviceError, match=f"no provider '{provider}': choose cpu or auto"):
            choose_providers(alone, "auto", provider)


def test_a_gpu_has_a_number() -> None:
    assert choose_providers(EVERYTHING, "cuda:2") == [(PROVIDERS["cuda"], {"device_id": 2}), (CPU, {})]
    assert choose_providers(EVERYTHING, "cuda") == choose_providers(EVERYTHING, "auto", "cuda")


def test_devices_have_the_names_of_pytorch_where_it_has_them() -> None:
    found = {name: device_name(choose_providers(EVERYTHING, "auto", name)) for name in PROVIDERS}
    assert found["cuda"] == "cuda:0"
    assert found["openvino"] == found["cpu"] == "cpu"
    assert found["coreml"] == "coreml"
    assert device_name(choose_providers(EVERYTHING, "cuda:1")) == "cuda:1"


@pytest.mark.parametrize(
    ("device", "provider", "error", "says"),
    [
        ("auto", "tensorrt", UsageError, "Unknown provider 'tensorrt': choose cuda, rocm,"),
        ("cpu", "cuda", UsageError, "does not compute on 'cpu'"),
        ("cuda:1", "coreml", UsageError, "does not compute on 'cuda:1'"),
        ("cuda:x", "auto", DeviceError, "no device 'cuda:x': choose cpu, cuda, cuda:N or auto"),
        ("mps", "auto", DeviceError, "no device 'mps'"),
    ],
)
def test_what_does_not_go_together_is_refused(
    device: str, provider: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=re.escape(says)):
        choose_providers(EVERYTHING, device, provider)
