"""Attention maps as pictures: heat maps, overlays, exact values, masks, and the rain layer.

Heat maps are in OpenCV's "inferno", which is perceptually uniform: equal steps of a map look equally large,
also in grey and to colour-blind eyes. Their scale always runs from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageDraw, ImageFont

from deraincli.attention_maps.scores import Map
from deraincli.pixels import Picture, Pixels
from deraincli.reporting.contact_sheet import INK, contact_sheet

RAIN_PERCENTILE = 99.9
"""Percentile of the differences between input and output that is shown as black or white."""


def heat_map(attention: Map) -> Picture:
    """Colours a map, H×W in 0–1, in "inferno", H×W×3."""
    levels = np.rint(attention * 255).astype(np.uint8)
    return cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1]


def with_scale(heat: Picture, title: str) -> Picture:
    """Adds a scale on white to the right of a heat map, H×W×3, which stays unchanged at the upper left."""
    width = heat.shape[1]
    font = ImageFont.load_default(size=min(max(10, heat.shape[0] // 28), 48))
    unit = int(font.getlength("0.0"))
    height = max(heat.shape[0], 6 * unit)  # room for the title and three numbers
    bar_top, bar_height = min(2 * unit, height // 4), max(1, height - min(3 * unit, height // 2))
    sheet = PIL.Image.new("RGB", (width + 4 * unit, height), "white")
    sheet.paste(PIL.Image.fromarray(heat), (0, 0))
    ramp = np.repeat(np.linspace(1, 0, bar_height, dtype=np.float32)[:, None], unit, axis=1)
    sheet.paste(PIL.Image.fromarray(heat_map(ramp)), (width + unit, bar_top))
    draw = ImageDraw.Draw(sheet)
    draw.text((width + unit, bar_top // 2), title, INK, font, anchor="lm")
    for value in (0.0, 0.5, 1.0):
        y = bar_top + (1 - value) * (bar_height - 1)
        draw.text((width + 2.25 * unit, y), str(value), INK, font, anchor="lm")
    return np.asarray(sheet)


def overlay(picture: Picture, attention: Map, alpha: float) -> Picture:
    """Lays the heat map of a map over a picture, H×W×3. The weight of the heat map is `alpha`, 0–1."""
    return cv2.addWeighted(heat_map(attention), alpha, picture, 1 - alpha, 0)


def as_16_bit(attention: Map) -> NDArray[np.uint16]:
    """Returns a map times 65,535, rounded, as H×W×1."""
    return np.rint(attention[..., None] * 65535.0).astype(np.uint16)


def rain_mask(ram: Map, threshold: float) -> NDArray[np.uint8]:
    """Returns a mask, H×W×1, that is 255 where RAM is above the threshold and 0 elsewhere."""
    return np.where(ram[..., None] > threshold, 255, 0).astype(np.uint8)


def rain_layer(rainy: Pixels, restored: Pixels) -> NDArray[np.uint8]:
    """Shows input − output, H×W×C: grey where nothing changed, and bright where light was removed.

    The contrast is stretched so that RAIN_PERCENTILE of the differences stay between black and white.
    """
    difference = rainy.astype(np.float32) - restored.astype(np.float32)
    reach = float(np.percentile(np.abs(difference), RAIN_PERCENTILE)) or 1.0
    return np.rint(np.clip(127.5 + 127.5 * difference / reach, 0, 255)).astype(np.uint8)


def level_sheet(levels: NDArray[np.float32], strides: Sequence[int]) -> Picture:
    """Draws both maps as they enter every encoder level on one sheet: RAM above, CAM below.

    Args:
        levels: The maps, L×2×H×W in 0–1.
        strides: Pixels at the working size per pixel of each level.
    """
    panels = {
        f"{name}, {level_name(index, stride)}": heat_map(levels[index, which])
        for which, name in enumerate(("RAM", "CAM"))
        for index, stride in enumerate(strides)
    }
    return contact_sheet(panels, columns=len(strides))


def level_name(index: int, stride: int) -> str:
    """Describes an encoder level.

    Args:
        index: Number of the level, 0 for the finest.
        stride: Pixels at the working size per pixel of the level.
    """
    return f"level {index}: {1 if stride == 1 else f'1/{stride}'} of the working size"
