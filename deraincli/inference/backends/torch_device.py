"""Chooses the device that PyTorch runs on and the precision it computes in."""

from __future__ import annotations

from typing import Literal

import torch

from deraincli.errors import DeviceError

Precision = Literal["fp32", "bf16", "fp16"]
PRECISIONS: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def available_devices() -> list[str]:
    """Returns the names of this machine's devices, the best first: `cuda:0`, …, `mps`, `cpu`."""
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


def choose_device(request: str) -> torch.device:
    """Finds a device by name.

    Args:
        request: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.

    Returns:
        The device. `auto` chooses the best.

    Raises:
        DeviceError: There is no such device. The message names those that there are.
    """
    available = available_devices()
    name = {"auto": available[0], "cuda": "cuda:0"}.get(request, request)
    if name not in available:
        raise DeviceError(f"There is no device '{request}' here: choose from {', '.join(available)} or auto.")
    return torch.device(name)


def supported_precisions(device: torch.device) -> list[Precision]:
    """Returns the precisions that a device computes in.

    Args:
        device: The device.

    Returns:
        Keys of PRECISIONS. The first one is what `auto` chooses.
    """
    if device.type == "cuda":
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return ["bf16", "fp32", "fp16"] if bf16 else ["fp32", "fp16"]
    if device.type == "mps":
        return ["fp32", "fp16"]
    return ["bf16", "fp32"] if cpu_has_bf16() else ["fp32", "bf16"]


def choose_precision(request: str, device: torch.device) -> Precision:
    """Chooses a precision that a device supports.

    Args:
        request: `auto` or a key of PRECISIONS.
        device: The device.

    Returns:
        A key of PRECISIONS.

    Raises:
        DeviceError: The device does not compute in this precision. The message names those it supports.
    """
    supported = supported_precisions(device)
    if request == "auto":
        return supported[0]
    for precision in supported:
        if precision == request:
            return precision
    raise DeviceError(
        f"'{device}' does not compute in '{request}': choose from {', '.join(supported)} or auto."
    )


def cpu_has_bf16() -> bool:
    """Returns whether the CPU multiplies bfloat16 natively (avx512_bf16 or AMX).

    Emulated bfloat16 is slower than fp32.
    """
    # The probes are private, so a version of torch may lack one. `bool()` then answers False.
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, bool)() for probe in probes)
