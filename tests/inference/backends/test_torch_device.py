from pathlib import Path

import pytest
import torch

from deraincli.errors import DeviceError
from deraincli.inference.backends.torch_device import (
    available_devices,
    choose_device,
    choose_precision,
    cpu_has_bf16,
    supported_precisions,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize("request_", ["gpu", "cuda:99", "cuda:-1", "", "CPU"])
def test_what_is_not_there_is_refused_and_what_is_there_named(request_: str) -> None:
    with pytest.raises(DeviceError, match="cpu"):
        choose_device(request_)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_is_refused_without_one() -> None:
    with pytest.raises(DeviceError, match="cuda"):
        choose_device("cuda")


def test_every_device_that_is_named_can_compute() -> None:
    for name in ["auto", *available_devices()]:
        device = choose_device(name)
        assert (torch.ones(2, device=device) + 1).sum().item() == 4
        for precision in supported_precisions(device):
            assert choose_precision(precision, device) == precision


@pytest.mark.parametrize("precision", ["fp16", "int8", "FP32"])
def test_a_precision_that_the_cpu_lacks_is_refused(precision: str) -> None:
    with pytest.raises(DeviceError, match="fp32"):
        choose_precision(precision, CPU)


def test_the_cpu_takes_bf16_by_itself_only_where_the_kernel_lists_it() -> None:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        pytest.skip("no /proc/cpuinfo to compare with")
    native = any(flag in cpuinfo.read_text().split() for flag in ("avx512_bf16", "amx_tile"))
    assert cpu_has_bf16() == native
    assert choose_precision("auto", CPU) == ("bf16" if native else "fp32")
