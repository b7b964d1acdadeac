"""Chooses what ONNX Runtime computes with."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from deraincli.errors import DeviceError, UsageError

PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""ONNX Runtime's name of every provider, the preferred one first."""

CPU = PROVIDERS["cpu"]

NUMBERED = ("cuda", "rocm")
"""Providers with several devices."""

Provider = tuple[str, dict[str, int]]
"""ONNX Runtime's name of a provider, and its options."""


def choose_providers(
    available: Collection[str], device: str = "auto", provider: str = "auto"
) -> list[Provider]:
    """Lists the providers that ONNX Runtime tries one after another.

    Args:
        available: ONNX Runtime's names of the providers of this build.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        provider: `auto` or a key of PROVIDERS.

    Returns:
        The providers, the CPU's last. `auto` takes all that the build has.

    Raises:
        UsageError: There is no such provider, or it does not compute on the device.
        DeviceError: This build does not have the provider, or there is no such device.
    """
    here = [name for name, theirs in PROVIDERS.items() if theirs in available]
    if provider not in ("auto", *PROVIDERS):
        raise UsageError(f"Unknown provider '{provider}': choose {', '.join(PROVIDERS)} or auto.")
    if provider not in ("auto", *here):
        raise DeviceError(
            f"This ONNX Runtime has no provider '{provider}': choose {', '.join(here)} or auto."
        )
    kind, _, number = device.partition(":")
    is_cuda = kind == "cuda" and "cuda" in here and (number or "0").isdigit()
    if device not in ("auto", "cpu") and not is_cuda:
        devices = ["cpu", *(["cuda", "cuda:N"] if "cuda" in here else [])]
        raise DeviceError(f"This ONNX Runtime has no device '{device}': choose {', '.join(devices)} or auto.")
    on_device = {"auto": here, "cpu": ["cpu", "openvino"]}.get(device, ["cuda"])
    if provider not in ("auto", *on_device):
        raise UsageError(f"The provider '{provider}' does not compute on '{device}': leave device at auto.")
    chosen = [provider] if provider != "auto" else ["cpu"] if device == "cpu" else on_device
    numbered = {"device_id": int(number or 0)}
    return [
        (PROVIDERS[name], numbered if name in NUMBERED else {}) for name in dict.fromkeys([*chosen, "cpu"])
    ]


def device_name(providers: Sequence[Provider]) -> str:
    """Returns the name of the first provider's device: `cpu`, `cuda:N`, `rocm:N`, `directml` or `coreml`."""
    first, options = providers[0]
    name = next(name for name, theirs in PROVIDERS.items() if theirs == first)
    if name == "openvino":
        return "cpu"
    return f"{name}:{options['device_id']}" if options else name
