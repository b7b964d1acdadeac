"""The checks of `derain doctor`: one small function for each, and CHECKS, the list of them all."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Literal

from deraincli.errors import DerainError
from deraincli.files.locations import cache_folder, weights_folder
from deraincli.inference.backends.registry import EXPORT_BACKENDS
from deraincli.model_zoo.catalogue import SHIPPED
from deraincli.model_zoo.exports import ENGINES
from deraincli.models.header import sha256
from deraincli.runtime import parallel
from deraincli.runtime.child_processes import run_python
from deraincli.runtime.installation import extras_packages, install_command, is_installed, repair_command

State = Literal["OK", "warn", "fail"]

PACKAGES = ("numpy", "pillow", "pydantic", "safetensors", "psutil")
OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
NOT_FOR_USERS = ("test", "dev")
"""Extras that only developers of this project need."""

SIDE = 64
"""Side of the picture that is restored as a check, in pixels."""
LARGEST_GAP = 0.02
"""Largest mean difference, 0–1, between a device's result and the CPU's in fp32. bf16 stays far below it."""


@dataclass(frozen=True)
class Finding:
    """One row of the report."""

    check: str
    """What was checked."""
    state: State
    """Whether it is in order."""
    found: str
    """What was found."""
    remedy: str = ""
    """What the user can do about it. Empty if there is nothing to do."""


def examine() -> Iterator[Finding]:
    """Runs all checks in order, and yields each finding as soon as it is known."""
    for check in CHECKS:
        yield from check()


def check_python() -> Iterator[Finding]:
    """Reports the interpreter. The installer has already checked its version."""
    yield Finding("Python", "OK", f"{sys.version.split()[0]}, {sys.executable}")


def check_packages() -> Iterator[Finding]:
    """Checks that the required packages are installed."""
    versions = {name: _version(name) for name in PACKAGES}
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        yield Finding("packages", "fail", f"missing: {', '.join(missing)}", install_command())
    else:
        yield Finding("packages", "OK", ", ".join(f"{name} {version}" for name, version in versions.items()))


def check_opencv() -> Iterator[Finding]:
    """Checks that exactly one package of OpenCV is installed, because they overwrite each other's files."""
    there = [f"{name} {_version(name)}" for name in OPENCV if _version(name) is not None]
    if len(there) == 1:
        yield Finding("OpenCV", "OK", there[0])
    else:
        remedy = f"pip uninstall -y {' '.join(OPENCV)}; pip install opencv-python-headless"
        yield Finding("OpenCV", "fail", " and ".join(there) or "not installed", remedy)


def check_torch() -> Iterator[Finding]:
    """Checks that PyTorch can be imported, in a separate process, because a broken PyTorch can crash it.

    A small installation does without it.
    """
    engine = next(filter(is_installed, EXPORT_BACKENDS), None)
    if engine and not is_installed("torch"):
        remedy = f"for training, exports and further models: {install_command()}"
        yield Finding("PyTorch", "OK", f"not installed; {ENGINES[engine].name} restores", remedy)
        return
    error = _import_error("torch")
    if error:
        yield Finding("PyTorch", "fail", error, "install a build for this machine: pytorch.org/get-started")
    else:
        yield Finding("PyTorch", "OK", f"{_version('torch')} imports")


def check_torchvision() -> Iterator[Finding]:
    """Checks that torchvision matches PyTorch, which only an import shows."""
    if _version("torchvision") is None:
        yield Finding("torchvision", "OK", "not installed; only training with the perceptual loss needs it")
        return
    error = _import_error("torch, torchvision")
    if error:
        remedy = (
            "install the torchvision of the same index and release as torch, or pip uninstall torchvision"
        )
        yield Finding("torchvision", "fail", f"{_version('torchvision')}: {error}", remedy)
    else:
        yield Finding("torchvision", "OK", f"{_version('torchvision')} imports beside torch")


def check_devices() -> Iterator[Finding]:
    """Reports the values of `--device`, and warns of a GPU that PyTorch cannot use."""
    if _import_error("torch"):
        return
    from deraincli.inference.backends.torch_device import available_devices

    devices = available_devices()
    if devices == ["cpu"] and Path("/dev/nvidiactl").exists():
        remedy = "install PyTorch's CUDA build and a driver that fits it: pytorch.org/get-started"
        yield Finding("devices", "warn", "cpu alone, though there is an NVIDIA GPU", remedy)
    else:
        yield Finding("devices", "OK", ", ".join(devices))


def check_bf16() -> Iterator[Finding]:
    """Checks whether each device computes bf16 natively, which makes `--precision auto` fast."""
    if _import_error("torch"):
        return
    import torch

    from deraincli.inference.backends.torch_device import available_devices, supported_precisions

    for name in available_devices():
        fastest = supported_precisions(torch.device(name))[0]
        if fastest == "bf16":
            yield Finding(f"bf16 on {name}", "OK", "computed natively; auto takes it")
        else:
            remedy = "nothing to repair; an int8 export is faster on a CPU: derain weights export --help"
            yield Finding(f"bf16 on {name}", "warn", f"not computed natively; auto takes {fastest}", remedy)


def check_backends() -> Iterator[Finding]:
    """Reports what `--backend auto` and the default take here, and the figures behind the choice."""
    from deraincli.restoration.backend_choice import (
        MILLISECONDS,
        choose_backend,
        fastest_first,
        kind_of_device,
    )

    kind = kind_of_device()
    try:
        chosen, default = (choose_backend(request, None) for request in ("auto", None))
    except DerainError as error:
        yield Finding("backends", "fail", str(error), install_command("openvino"))
        return
    measured = MILLISECONDS.get(kind, {})
    figures = ", ".join(f"{name} {measured[name]} ms" for name in measured) or "not measured"
    found = (
        f"on {kind}, auto takes {chosen}, the default is {default} (320×320 where it was measured: {figures})"
    )
    best = fastest_first(kind)[0]
    remedy = f"for more speed: {install_command(best)}" if best not in (chosen, "eager") else ""
    yield Finding("backends", "OK", found, remedy)


def check_threads() -> Iterator[Finding]:
    """Reports limits on CPUs. PyTorch respects CPU affinity, but starts too many threads under a quota."""
    machine, allowed, quota = parallel.machine_cpus(), parallel.allowed_cpus(), parallel.cpu_quota()
    asked = os.environ.get("OMP_NUM_THREADS")
    if quota is not None and quota < allowed and asked is None:
        remedy = f"set OMP_NUM_THREADS={parallel.usable_threads()}, or raise the limit (docker --cpus)"
        found = f"the container may use {quota:g} CPUs' time, but {allowed} threads will start"
        yield Finding("CPU threads", "warn", found, remedy)
    elif allowed < machine:
        remedy = "loosen taskset, docker --cpuset-cpus or the job's limits for more"
        yield Finding("CPU threads", "warn", f"{allowed} of {machine} CPUs allowed", remedy)
    else:
        limit = f", OMP_NUM_THREADS={asked}" if asked else ""
        yield Finding("CPU threads", "OK", f"{allowed} of {machine} CPUs{limit}")


def check_caches() -> Iterator[Finding]:
    """Checks that the folders for evaluations, exports and downloads can be written."""
    folders = {"cache": (cache_folder(), "XDG_CACHE_HOME")}
    if is_installed("huggingface_hub"):
        from huggingface_hub import constants

        folders["Hub cache"] = (Path(constants.HF_HUB_CACHE), "HF_HOME")
    for name, (folder, variable) in folders.items():
        error = _write_error(folder)
        if error:
            remedy = f"set {variable} to a folder that can be written"
            yield Finding(name, "warn", f"'{folder}' cannot be written: {error}", remedy)
        else:
            yield Finding(name, "OK", str(folder))


def check_offline() -> Iterator[Finding]:
    """Reports whether models may be fetched from the Hub."""
    if not is_installed("huggingface_hub"):
        return
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        found = "HF_HUB_OFFLINE is set: only models in the cache are found"
        yield Finding("network", "warn", found, "unset HF_HUB_OFFLINE to fetch models")
    else:
        yield Finding("network", "OK", f"models are fetched from {constants.ENDPOINT} when asked for")


def check_weights() -> Iterator[Finding]:
    """Checks that the shipped weights have the hashes of the catalogue."""
    for name, model in SHIPPED.items():
        file = weights_folder() / model.file
        if file.is_file() and sha256(file) == model.sha256:
            yield Finding(f"weights {name}", "OK", "intact")
        elif file.is_file() or model.hub is None:
            found = f"'{file}' is {'damaged or changed' if file.is_file() else 'missing'}"
            yield Finding(f"weights {name}", "fail", found, repair_command())
        else:
            yield Finding(f"weights {name}", "OK", f"not shipped; derain weights pull {name} fetches them")


def check_restoration() -> Iterator[Finding]:
    """Restores a small picture on every device and compares the result with the CPU's in fp32."""
    if is_installed("torch") and _import_error("torch"):
        return
    import numpy as np

    from deraincli.restoration.load import load

    picture = np.random.default_rng(0).random((SIDE, SIDE, 3), np.float32)
    try:
        expected = load(device="cpu", precision="fp32")(picture)
    except DerainError as error:
        yield Finding("restoration", "fail", str(error), "mend the rows above first")
        return
    for device in _devices():
        start = time.perf_counter()
        name = f"restoration on {device}"
        try:
            derainer = load(device=device)
            gap = float(np.abs(derainer(picture) - expected).mean())
        except (DerainError, RuntimeError) as error:  # drivers fail with a RuntimeError
            found = str(error).partition("\n")[0] or type(error).__name__
            yield Finding(name, "fail", found, "update the driver, or add --device cpu")
            continue
        seconds = time.perf_counter() - start
        found = f"{SIDE}×{SIDE} in {derainer.precision}, loaded and restored in {seconds:.1f} s"
        if gap > LARGEST_GAP:
            yield Finding(name, "fail", f"{found}, but {gap:.3f} off", "add --precision fp32 or --device cpu")
        else:
            yield Finding(name, "OK", found)


def check_extras() -> Iterator[Finding]:
    """Reports the optional packages, by the extra that installs them."""
    for extra, requirements in extras_packages().items():
        if extra in NOT_FOR_USERS:
            continue
        packages = [re.split(r"[^\w.-]", requirement)[0] for requirement in requirements]
        missing = [name for name in packages if _version(name) is None]
        if missing:
            remedy = f"if you need it: {install_command(extra)}"
            yield Finding(f"extra {extra}", "OK", f"not installed: {', '.join(missing)}", remedy)
        else:
            found = ", ".join(f"{name} {_version(name)}" for name in packages)
            yield Finding(f"extra {extra}", "OK", found)


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    check_python,
    check_packages,
    check_opencv,
    check_torch,
    check_torchvision,
    check_devices,
    check_bf16,
    check_backends,
    check_threads,
    check_caches,
    check_offline,
    check_weights,
    check_restoration,
    check_extras,
)
"""All checks, in the order in which they run."""


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@cache
def _import_error(modules: str) -> str | None:
    """Imports modules in a fresh interpreter. Returns the last line of the error, or None on success."""
    done = run_python("-c", f"import {modules}")
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"the interpreter ended with {done.returncode}"])[-1]


def _write_error(folder: Path) -> str | None:
    """Returns why a folder, which may not exist yet, cannot be written, or None. Leaves no trace."""
    while not os.path.exists(folder) and folder != folder.parent:  # noqa: PTH110  # it may be closed
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"derain")
    except OSError as error:
        return error.strerror or str(error)
    return None


def _devices() -> list[str]:
    """Returns the devices to try: those of PyTorch, or the one that the small installation chooses."""
    if not is_installed("torch"):
        return ["auto"]
    from deraincli.inference.backends.torch_device import available_devices

    return available_devices()
