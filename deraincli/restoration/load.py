"""Loads a model for restoration."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deraincli.errors import UsageError
from deraincli.inference.backends.base import Backend
from deraincli.inference.backends.classical_backend import ClassicalBackend
from deraincli.inference.backends.mirrored_backend import MirroredBackend
from deraincli.inference.backends.registry import EXPORT_BACKENDS
from deraincli.inference.tiling import OverlapChoice, TileChoice
from deraincli.inference.working_size import SideChoice
from deraincli.model_zoo.resolve import ModelFile, ResolvedModel, resolve_model_or_method
from deraincli.restoration.auto_model import AutoDerainer
from deraincli.restoration.backend_choice import choose_backend
from deraincli.restoration.derainer import Derainer, ModelDerainer
from deraincli.restoration.rain_kind import shipped_classifier
from deraincli.runtime.process import default_variable

if TYPE_CHECKING:
    from deraincli.models.classical.registry import ClassicalMethod

_REMOVED = {"streak": "streaks", "drop": "drops on the lens"}
"""What a model for a task removes."""


@dataclass(frozen=True)
class LoadOptions:
    """The arguments of `load`, which choose the model and how it runs."""

    model: str | None = None
    task: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    backend: str | None = None
    tile: TileChoice = "auto"
    overlap: OverlapChoice = "auto"
    working_side: SideChoice = "auto"
    max_seconds: float | None = None
    provider: str = "auto"
    ensemble: bool = False


def load(
    model: str | os.PathLike[str] | None = None,
    *,
    task: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    backend: str | None = None,
    tile: TileChoice = "auto",
    overlap: OverlapChoice = "auto",
    working_side: SideChoice = "auto",
    max_seconds: float | None = None,
    provider: str = "auto",
    ensemble: bool = False,
) -> Derainer:
    """Loads a model.

    Args:
        model: A name or a path. None stands for the default model of the task.
        task: The rain to remove: auto, streak or drop. The default model for auto, balnet-lite, chooses
            between the defaults for streak and drop for each picture.
        device: auto, cpu, cuda, cuda:N, mps or xpu. xpu is an Intel GPU, in OpenVINO.
        precision: auto, fp32, bf16, fp16 or int8. int8 is for exports.
        backend: eager, compile, cudagraphs, onnxruntime, openvino or auto. compile is slow at first and
            whenever the size of the tiles changes. onnxruntime and openvino run the shipped models, and those
            that `derain weights export` made, without PyTorch. auto is the fastest that is installed. None
            is eager if PyTorch is installed, and auto otherwise.
        tile: Side of the tiles in pixels. "auto" chooses by the free memory. "off" restores pictures whole.
        overlap: Pixels that neighbouring tiles share. "auto" lets the model choose.
        working_side: Shorter side in pixels of the first and finest pass. Coarser passes follow, down to 400.
            "auto" chooses at most 1000. "full" is one pass at the picture's own size. See
            `deraincli.inference.working_size`.
        max_seconds: Seconds after which a classical method (dsc, gmm) ends a pass with its best result so
            far. Large pictures take several passes, and `ensemble` doubles them. None sets no limit.
        provider: What ONNX Runtime computes with: auto, cuda, rocm, directml, coreml, openvino or cpu. auto
            takes the first that is installed.
        ensemble: Whether to average the results for each tile and for its mirror image. It takes twice as
            long. See `deraincli.inference.backends.mirrored_backend`.

    Returns:
        The loaded model.

    Raises:
        ModelError: There is no such model, or its file is damaged.
        DeviceError: The device or the precision is not available.
        UsageError: The options contradict each other.
    """
    name = None if model is None else os.fspath(model)
    how = (device, precision, backend, tile, overlap, working_side, max_seconds, provider, ensemble)
    return open_model(LoadOptions(name, task, *how))


def open_model(
    options: LoadOptions,
    found: ResolvedModel | None = None,
    opened: MutableMapping[tuple[Path, str], Backend] | None = None,
) -> Derainer:
    """Loads a model.

    Args:
        options: The model and how it runs.
        found: What `options.model` stands for, if the caller has resolved it already.
        opened: What earlier calls opened, by file and `options.precision`, and what this call opens. A file
            is kept once for calls whose options differ in the model and the task alone.

    Returns:
        The loaded model.

    Raises:
        ModelError: There is no such model, or its file is damaged.
        DeviceError: The device or the precision is not available.
        UsageError: The options contradict each other.
    """
    found = found or resolve_model_or_method(options.model, options.task)
    if found.method is not None:
        return _classical(found.name, found.method, options)
    if options.max_seconds is not None:
        from deraincli.models.classical.registry import CLASSICAL_METHODS

        raise UsageError(
            f"A time limit is for the classical methods, {' and '.join(CLASSICAL_METHODS)}: leave it out."
        )
    backend = choose_backend(options.backend, options.model, options.device)
    if options.provider != "auto" and backend != "onnxruntime":
        raise UsageError("A provider is for ONNX Runtime: set backend to 'onnxruntime', or leave it out.")
    opened = {} if opened is None else opened
    derainers, precision = [], options.precision
    for file in found.files:
        key = (file.path, options.precision)
        if key not in opened:
            opened[key] = _backend(file, options, backend, precision)
        precision = opened[key].precision  # the specialists of an automatic model use the same precision
        derainers.append(_derainer(file.name, opened[key], options))
    if len(derainers) > 1:
        streak, drop = derainers
        return AutoDerainer(found.name, streak, drop, shipped_classifier())
    (derainer,) = derainers
    known = found.files[0].entry
    if known is not None and options.task not in ("auto", *known.tasks):
        removed = " and ".join(_REMOVED[task] for task in known.tasks)
        note = f"{found.name} removes {removed} only, so --task {options.task} has no effect."
        derainer.notes += (note,)
    return derainer


def _classical(name: str, method: ClassicalMethod, options: LoadOptions) -> Derainer:
    if options.backend not in (None, "auto", "eager"):
        raise UsageError(
            f"'{name}' is a classical method, not a network: leave the backend out, or set it to 'auto'."
        )
    if options.provider != "auto":
        raise UsageError(f"'{name}' is a classical method, not a network: leave the provider out.")
    opened = ClassicalBackend(
        method, device=options.device, precision=options.precision, max_seconds=options.max_seconds
    )
    return _derainer(name, opened, options)


def _derainer(name: str, opened: Backend, options: LoadOptions) -> Derainer:
    backend = MirroredBackend(opened) if options.ensemble else opened
    return ModelDerainer(name, backend, options.tile, options.overlap, options.working_side)


def _backend(file: ModelFile, options: LoadOptions, backend: str, precision: str) -> Backend:
    if backend in EXPORT_BACKENDS:
        from deraincli.model_zoo.exports import open_export

        return open_export(
            file,
            backend,
            device=options.device,
            precision=precision,
            provider=options.provider,
        )
    with default_variable("OMP_WAIT_POLICY", "PASSIVE"):  # see `deraincli.__main__`
        from deraincli.inference.backends.torch_backend import TorchBackend
        from deraincli.models.checkpoint import load_model

    network, _ = load_model(file.path)
    return TorchBackend(network, device=options.device, precision=precision, backend=backend)
