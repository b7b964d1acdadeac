import pytest
import torch
from torch import Tensor

from deraincli.errors import DeviceError
from deraincli.inference.backends.torch_memory import (
    CPU_BUDGET,
    affordable_side,
    free_memory,
    is_out_of_memory,
    peak_bytes,
    room_for_network,
)

CPU = torch.device("cpu")
MORE_THAN_ANY_MACHINE = 2**50


def out_of_memory() -> RuntimeError:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(MORE_THAN_ANY_MACHINE)
    return caught.value


def test_running_out_of_memory_is_told_from_other_errors() -> None:
    assert is_out_of_memory(out_of_memory())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    with pytest.raises(RuntimeError) as caught:
        torch.ones(2, 3) @ torch.ones(2, 3)
    assert not is_out_of_memory(caught.value)


def test_a_network_without_room_is_an_error_of_the_device() -> None:
    with pytest.raises(DeviceError, match="cpu"), room_for_network(CPU):
        raise out_of_memory()
    with pytest.raises(RuntimeError, match="shapes"), room_for_network(CPU):
        torch.ones(2, 3) @ torch.ones(2, 3)


def chain(x: Tensor) -> None:
    """At most two links alive at once, in place and in views none more."""
    for _ in range(10):
        x = (x + 1).view(-1).add_(1)


def hoard(x: Tensor) -> None:
    """The input is not counted; three sums and the last are."""
    first = x + 1
    second = first + 1
    third = second + 1
    third.add(first)


@pytest.mark.parametrize(("run", "tensors"), [(chain, 2), (hoard, 4)])
def test_peak_bytes_counts_what_is_alive_at_once(run, tensors: int) -> None:
    x = torch.ones(1000)
    assert peak_bytes(lambda: run(x)) == tensors * 4000


def test_a_tile_fits_half_of_the_free_memory() -> None:
    for bytes_per_pixel in (10.0, 1e3, 1e6):
        side = affordable_side(bytes_per_pixel, CPU, least=4096)
        assert side >= 1
        assert side**2 * bytes_per_pixel <= free_memory(CPU)


def test_on_a_cpu_only_need_exceeds_the_budget() -> None:
    assert affordable_side(100, CPU, least=1) ** 2 * 100 <= CPU_BUDGET
    assert affordable_side(100, CPU, least=1500) == 1500
