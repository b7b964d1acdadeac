"""Exports a model.

Builds the network, converts it, compares the result with PyTorch and returns it only if the two agree.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from deraincli.callbacks import OnProgress
from deraincli.datasets.pairs import find_pairs
from deraincli.errors import ModelError
from deraincli.export import int8, int8_nncf
from deraincli.export.formats import EXPORT_FORMATS, LEAST_CELLS
from deraincli.export.int8 import ALLOWED_LOSS, Loss, measure_loss, split_pairs
from deraincli.export.options import check_choices
from deraincli.export.parity import Difference, difference, rainy_photos
from deraincli.geometry import round_up
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.inference.backends.export_metadata import Description
from deraincli.inference.backends.torch_memory import peak_bytes
from deraincli.model_zoo.resolve import ModelFile
from deraincli.models.base import RestorationNetwork
from deraincli.models.checkpoint import load_model

TOLERANCES = {"fp32": 1e-4, "fp16": 1 / 255}
"""Largest accepted difference from PyTorch in fp32, on the 0–1 range. int8 is judged by PSNR instead."""

QUANTISERS = {"onnx": int8.quantise, "openvino": int8_nncf.quantise}
"""How the content of an export in fp32 becomes int8, by target."""

OnStep = Callable[[str], None]
"""Callback that receives one sentence about the next step."""


@dataclass(frozen=True)
class Exported:
    """An export and its comparison with PyTorch."""

    data: bytes
    """Content of the exported file."""
    description: Description
    """Metadata stored in the file."""
    difference: Difference
    """Difference from PyTorch in fp32."""
    loss: Loss | None
    """PSNR lost by int8. None for the other precisions."""


def export_model(
    file: ModelFile,
    target: str,
    precision: str = "fp32",
    *,
    pairs: Path | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    on_step: OnStep = lambda text: None,
    on_progress: OnProgress | None = None,
) -> Exported:
    """Exports a model file to a target of `options.TARGETS`.

    Args:
        file: The model file.
        target: Format to export to.
        precision: fp32 for every target, fp16 for all but torch.export, int8 for ONNX and OpenVINO.
        pairs: Folder of a paired set. int8 needs it: some pairs calibrate, the others measure the loss.
        max_pixels: Larger pictures of the set are refused.
        on_step: Receives one sentence about each next step.
        on_progress: Receives the number of compared photos and of all.

    Returns:
        The file's content, its metadata and its comparison with PyTorch.

    Raises:
        UsageError: The target, the precision and the paired set do not go together.
        ModelError: The result does not agree with PyTorch, or int8 loses more than ALLOWED_LOSS.
    """
    check_choices(target, precision, pairs)
    network, info = load_model(file.path)
    multiple = network.size_multiple
    description = Description(
        network=info.network,
        task=info.task,
        precision=precision,
        size_multiple=multiple,
        smallest_side=LEAST_CELLS * multiple if target == "pt2" else multiple,
        tile_margin=network.tile_margin,
        bytes_per_pixel=_bytes_per_pixel(network),
        weights_sha256=file.sha256,
    )
    patience = "" if target == "safetensors" else ", which can take minutes"
    on_step(f"Converting {file.path.stem} to {target} in {precision}{patience}.")
    if precision == "int8":
        assert pairs is not None
        data, loss = _int8(network, target, description, pairs, max_pixels, on_step)
        _refuse_loss(loss, pairs)
    else:
        loss = None
        converted = copy.deepcopy(network).half() if precision == "fp16" else network
        data = EXPORT_FORMATS[target].dump(converted, description)
    on_step("Comparing with PyTorch.")
    gap = difference(network, EXPORT_FORMATS[target].load(data), list(rainy_photos()), multiple, on_progress)
    if not gap.maximum <= TOLERANCES.get(precision, float("inf")):  # true for NaN as well
        raise ModelError(
            f"The export differs from PyTorch by {gap.maximum:.1e}, more than {TOLERANCES[precision]:.1e}, "
            "so it is not written: try another target or precision."
        )
    return Exported(data, description, gap, loss)


def _int8(
    network: RestorationNetwork,
    target: str,
    description: Description,
    folder: Path,
    max_pixels: int,
    on_step: OnStep,
) -> tuple[bytes, Loss]:
    multiple = description.size_multiple
    calibration, scored = split_pairs(find_pairs(folder).pairs)
    kind = EXPORT_FORMATS[target]
    exact = kind.dump(network, replace(description, precision="fp32"))
    on_step(f"Calibrating on {len(calibration)} pictures.")
    data = QUANTISERS[target](exact, description, calibration, max_pixels=max_pixels)
    on_step(f"Scoring on {len(scored)} others.")
    loss = measure_loss(kind.load(exact), kind.load(data), scored, multiple=multiple, max_pixels=max_pixels)
    return data, loss


def _refuse_loss(loss: Loss, folder: Path) -> None:
    if not loss.decibels <= ALLOWED_LOSS:
        raise ModelError(
            f"int8 loses {loss.decibels:.3f} dB on {loss.pictures} pictures of '{folder}', more than "
            f"{ALLOWED_LOSS} dB, so it is not written: take fp32 or fp16."
        )


@torch.inference_mode()
def _bytes_per_pixel(network: RestorationNetwork) -> float:
    side = round_up(128, network.size_multiple)
    return peak_bytes(lambda: network(torch.zeros(1, 3, side, side))) / side**2
