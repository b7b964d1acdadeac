"""A ComfyUI node that takes rain out of images. Copy this folder to `ComfyUI/custom_nodes/deraincli`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch

import deraincli

LEVELS = 65535
"""ComfyUI's images are floats in 0–1. They are restored in 16 bits."""


@lru_cache(maxsize=2)
def loaded(model: str, task: str) -> deraincli.Derainer:
    """A model, which stays in memory for the next images."""
    return deraincli.load(model, task=task)


class Derain:
    """The node."""

    RETURN_TYPES: ClassVar = ("IMAGE",)
    FUNCTION: ClassVar = "derain"
    CATEGORY: ClassVar = "image/restoration"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {
            "required": {
                "image": ("IMAGE",),
                "model": ("STRING", {"default": "balnet-lite"}),
                "task": (["auto", "streak", "drop"],),
            }
        }

    def derain(self, image: torch.Tensor, model: str, task: str) -> tuple[torch.Tensor]:
        """Restores B×H×W×3 in 0–1."""
        derainer = loaded(model, task)
        rainy = (image.clamp(0, 1) * LEVELS).round().cpu().numpy().astype(np.uint16)
        clean = np.stack([derainer(picture) for picture in rainy])
        return (torch.from_numpy(clean.astype(np.float32) / LEVELS).to(image.device),)


NODE_CLASS_MAPPINGS = {"Derain": Derain}
NODE_DISPLAY_NAME_MAPPINGS = {"Derain": "Remove rain"}
