"""Loads a model for restoration."""

from __future__ import annotations

import os

from deraincli.errors import UsageError
from deraincli.inference.backends.base import Backend
from deraincli.inference.backends.classical_backend import ClassicalBackend
from deraincli.inference.working_size import SideChoice
from deraincli.model_zoo.resolve import ModelFile, find_classical_method, resolve_model
from deraincli.restoration.auto_model import AutoDerainer
from deraincli.restoration.derainer import Derainer, ModelDerainer, OverlapChoice, TileChoice


def load(
    model: str | os.PathLike[str] | None = None,
    *,
    task: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    backend: str = "eager",
    tile: TileChoice = "auto",
    overlap: OverlapChoice = "auto",
    working_side: SideChoice = "auto",
    max_seconds: float | None = None,
) -> Derainer:
    """Loads a model by name or path; without one, the default for `task` (auto, streak or drop).

    The default for `auto`, balnet-lite, chooses between the two others for each picture.

    `device`: auto, cpu, cuda, cuda:N or mps. `precision`: auto, fp32, bf16 or fp16. `backend`: eager,
    compile (slow at first, and anew for other tile sizes), cudagraphs, or onnxruntime (a model that
    `derain weights export` made; PyTorch is not even loaded). `tile`: side of the tiles in pixels, "auto"
    (by free memory) or "off" (pictures whole). `overlap`: pixels that neighbouring tiles share.
    `working_side`: shorter side, in pixels, at which larger pictures are restored; "auto" makes pictures of
    more than 600 smaller, "full" none (see `deraincli.inference.working_size`).
    `max_seconds`: after how long a classical method (dsc, gmm) stops with the best so far; None lets it
    finish.
    Raises ModelError, DeviceError or UsageError.
    """
    from deraincli.models.classical.registry import CLASSICAL_METHODS

    model = None if model is None else os.fspath(model)
    solver = find_classical_method(model)
    if model is not None and solver is not None:
        if backend != "eager":
            raise UsageError(f"'{model}' is a classical method, not a network: leave backend at 'eager'.")
        runner = ClassicalBackend(solver, device=device, precision=precision, max_seconds=max_seconds)
        return ModelDerainer(model, runner, tile, overlap, working_side)
    if max_seconds is not None:
        raise UsageError(
            f"A limit of time is for the classical methods, {' and '.join(CLASSICAL_METHODS)}: leave it out."
        )
    if model is not None and model.endswith(".onnx") and backend != "onnxruntime":
        raise UsageError(f"'{model}' runs in ONNX Runtime alone: set backend to 'onnxruntime'.")
    found = resolve_model(model, task)
    derainers = []
    for file in found.files:
        opened = _backend(file, device, precision, backend)
        precision = opened.precision  # all of an automatic model's are computed alike
        derainers.append(ModelDerainer(file.name, opened, tile, overlap, working_side))
    if len(derainers) > 1:
        return AutoDerainer(found.name, *derainers)
    (derainer,) = derainers
    known = found.files[0].entry
    if known is not None and task not in ("auto", *known.tasks):
        derainer.notes += (f"{model} is for {' and '.join(known.tasks)} alone, whatever --task says.",)
    return derainer


def _backend(file: ModelFile, device: str, precision: str, backend: str) -> Backend:
    if backend == "onnxruntime":
        from deraincli.inference.backends.onnx_backend import OnnxBackend
        from deraincli.model_zoo.exports import find_export

        return OnnxBackend(find_export(file, precision), device=device, precision=precision)
    from deraincli.inference.backends.torch_backend import TorchBackend
    from deraincli.models.checkpoint import load_model

    network, _ = load_model(file.path)
    return TorchBackend(network, device=device, precision=precision, backend=backend)
