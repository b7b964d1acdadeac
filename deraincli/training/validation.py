"""Validates the averaged weights: PSNR and SSIM by protocol `prenet`, and the IoU of RAM with the rain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deraincli.datasets.image_pool import ImageSource, pair_files
from deraincli.errors import InputError
from deraincli.evaluation.metrics import PROTOCOLS, Score, intersection_over_union, mean_score, score
from deraincli.imaging.display import shrink_to
from deraincli.imaging.image import Views
from deraincli.inference.backends.torch_device import PRECISIONS
from deraincli.models.balnet.targets import attention_targets
from deraincli.models.base import NetworkOutput, RestorationNetwork
from deraincli.pixels import Picture

PROTOCOL = PROTOCOLS["prenet"]
"""Protocol of the scores."""
SAMPLES = 4
"""Number of pictures shown."""
SAMPLE_SIDE = 320
"""Longest side of each picture shown, in pixels."""
SATURATED = 1e-3
"""A map is dead if it is within this of 0, or of 1, everywhere. Its sigmoid then has no gradient."""


@dataclass(frozen=True)
class Validation:
    """Means over the validation set."""

    psnr: float
    """Mean PSNR in dB."""
    ssim: float
    """Mean SSIM."""
    ram_iou: float | None
    """Mean intersection over union of RAM > 0.5 with its ground truth, 0–1. None without maps or rain."""
    samples: tuple[Picture, ...] = ()
    """The first pictures: input, output, ground truth, RAM and CAM side by side."""
    dead_maps: tuple[str, ...] = ()
    """Maps, RAM or CAM, that are 0 everywhere, or 1 everywhere, in every rainy picture."""


class ValidationSet:
    """The pairs of a folder, in memory."""

    pairs: list[Views]
    """The rainy and the clean picture of each pair, each H×W×3 uint8 of one size."""
    skipped: list[str]
    """A sentence for each pair left out because it is unreadable, too small, or its sizes differ."""

    def __init__(self, folder: Path, *, strict: bool = False) -> None:
        """Reads every pair.

        Args:
            folder: A paired data set in any layout that is recognised.
            strict: Whether a pair that cannot be used is an error.

        Raises:
            InputError: No pair can be used or, if `strict`, one cannot.
        """
        self.pairs = []
        self.skipped = []
        for file in pair_files(folder):
            try:
                self.pairs.append(_read(file))
            except InputError as error:
                if strict:
                    raise
                self.skipped.append(str(error))
        if not self.pairs:
            raise InputError(f"No pair in {folder} can be used for validation. {self.skipped[0]}")

    def score(self, network: RestorationNetwork, device: torch.device, *, precision: str) -> Validation:
        """Restores and scores every picture.

        Args:
            network: The network, in eval mode.
            device: The device that the network is on.
            precision: Autocast precision of the forward pass.
        """
        scores: list[Score] = []
        ious: list[float | None] = []
        samples: list[Picture] = []
        dead = {"RAM", "CAM"}
        for rainy, clean in self.pairs:
            output = _restore(network, rainy, device, precision)
            image = _picture(output.image)
            scores.append(score(image, clean, PROTOCOL))
            iou = _ram_iou(output, *(_tensor(side, device) for side in (rainy, clean)))
            ious.append(iou)
            if iou is not None:
                dead &= _saturated_maps(output)
            if len(samples) < SAMPLES:
                maps = [np.repeat(_picture(m), 3, 2) for m in (output.ram, output.cam) if m is not None]
                strip = [shrink_to(picture, SAMPLE_SIDE) for picture in (rainy, image, clean, *maps)]
                samples.append(np.concatenate(strip, axis=1))
        mean = mean_score(scores)
        found = [iou for iou in ious if iou is not None]
        ram_iou = fmean(found) if found else None
        return Validation(mean.psnr, mean.ssim, ram_iou, tuple(samples), tuple(sorted(dead) if found else ()))


def _read(file: ImageSource) -> Views:
    """Reads a pair. Raises InputError if that fails, or if the pair is too small to be scored."""
    views = file.read()
    try:
        PROTOCOL.check_size(views[0])
    except InputError as error:
        raise InputError(f"'{file.path}': {error}") from None
    return views


def _restore(
    network: RestorationNetwork, rainy: Picture, device: torch.device, precision: str
) -> NetworkOutput:
    """Restores a whole picture, H×W×3 of any size. Outputs have the same H×W."""
    height, width = rainy.shape[:2]
    multiple = network.size_multiple
    # NumPy reflects a side as often as needed, PyTorch only once.
    padded = np.pad(rainy, ((0, -height % multiple), (0, -width % multiple), (0, 0)), mode="reflect")
    x = _tensor(padded, device).to(memory_format=torch.channels_last)
    dtype = PRECISIONS[precision]
    with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=precision != "fp32"):
        output = network(x)
    ram, cam = (None if m is None else m[:, :, :height, :width] for m in (output.ram, output.cam))
    return NetworkOutput(output.image[:, :, :height, :width], ram, cam)


def _ram_iou(output: NetworkOutput, rainy: Tensor, clean: Tensor) -> float | None:
    if output.ram is None:
        return None
    truth, _ = attention_targets(rainy, clean)
    found, rain = ((side > 0.5).cpu().numpy() for side in (output.ram, truth))
    return intersection_over_union(found, rain)


def _saturated_maps(output: NetworkOutput) -> set[str]:
    """Returns the names of the maps that are 0 everywhere or 1 everywhere."""
    maps = {"RAM": output.ram, "CAM": output.cam}
    return {
        name
        for name, values in maps.items()
        if values is not None and (values.max() < SATURATED or values.min() > 1 - SATURATED)
    }


def _tensor(picture: Picture, device: torch.device) -> Tensor:
    """Converts H×W×3 uint8 to 1×3×H×W in 0–1."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].to(device).float() / 255


def _picture(values: Tensor) -> NDArray[np.uint8]:
    """Converts 1×C×H×W in 0–1 to H×W×C uint8."""
    pixels = values[0].float().clamp(0, 1).mul(255).round().byte()
    return np.ascontiguousarray(pixels.permute(1, 2, 0).cpu().numpy())
