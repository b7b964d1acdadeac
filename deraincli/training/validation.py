"""How good the averaged weights are: PSNR and SSIM by protocol `prenet`, and whether RAM finds the rain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from deraincli.data.pairs import find_pairs
from deraincli.imaging.codec import decode
from deraincli.losses import attention_targets
from deraincli.metrics import PROTOCOLS, score

MAX_PIXELS = 100_000_000


@dataclass(frozen=True)
class Validation:
    """Means over the validation set."""

    psnr: float
    """dB."""
    ssim: float
    ram_iou: float
    """Of RAM > 0.5 with its ground truth, 0–1; 0 for networks without maps."""


class ValidationSet:
    """The pairs of a folder, in memory."""

    def __init__(self, folder: Path) -> None:
        """Raises InputError or UnreadableImageError if the folder cannot be used."""
        self.pairs = [
            tuple(decode(path, max_pixels=MAX_PIXELS).pixels for path in (pair.rainy, pair.clean))
            for pair in find_pairs(folder).pairs
        ]

    def score(self, network: nn.Module, *, precision: str) -> Validation:
        """Restores every picture with a network in eval mode."""
        results = [self._score_one(network, rainy, clean, precision) for rainy, clean in self.pairs]
        psnr, ssim, iou = (fmean(column) for column in zip(*results, strict=True))
        return Validation(psnr, ssim, iou)

    def _score_one(
        self, network: nn.Module, rainy: NDArray[np.uint8], clean: NDArray[np.uint8], precision: str
    ) -> tuple[float, float, float]:
        height, width = rainy.shape[:2]
        x, target = (torch.from_numpy(side).permute(2, 0, 1)[None].float() / 255 for side in (rainy, clean))
        multiple = network.size_multiple
        padded = F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="reflect")
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            output = network(padded.to(memory_format=torch.channels_last))
        image = output.image[0, :, :height, :width].clamp(0, 1).mul(255).round().byte()
        result = score(np.ascontiguousarray(image.permute(1, 2, 0).numpy()), clean, PROTOCOLS["prenet"])
        if output.ram is None:
            return result.psnr, result.ssim, 0.0
        found = output.ram[:, :, :height, :width] > 0.5
        truth = attention_targets(x, target)[0].bool()
        return result.psnr, result.ssim, float((found & truth).sum() / (found | truth).sum().clamp(min=1))
