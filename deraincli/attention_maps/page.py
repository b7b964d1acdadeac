"""Attention maps on one HTML page: both maps at full size and as they enter every encoder level.

Each level is a picture of the page, so the keys that turn pictures go from level to level while both sides of
the slider keep what they show.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from deraincli.attention_maps.render import heat_map, level_name, overlay
from deraincli.attention_maps.scores import Map
from deraincli.inference.change import percent
from deraincli.pixels import Picture
from deraincli.reporting.html_page import Comparison, render

NAMES = ("RAM", "CAM")
COLOURS = "maps from 0 (black) over 0.25 (purple), 0.5 (red) and 0.75 (orange) to 1 (pale yellow)"


def maps_page(
    name: str,
    model: str,
    views: tuple[Picture, Picture],
    levels: Mapping[str, tuple[Map, Map]],
    *,
    alpha: float,
    threshold: float,
) -> str:
    """Makes the page.

    Args:
        name: Name of the picture.
        model: Name of the model that restored it.
        views: The photo and the restored photo, H×W×3 each.
        levels: RAM and CAM by the name of their level, H×W each in 0–1.
        alpha: Weight of the heat map over the photo, 0–1.
        threshold: Value above which a pixel counts as found, 0–1.

    Returns:
        The HTML text.
    """
    return render(
        f"Attention maps of {name}",
        [f"by {model}", "RAM: rainy regions, CAM: clean regions", COLOURS],
        listed=[f"{name} {what}" for name in NAMES for what in ("mean", f"above {threshold:g}")],
        comparisons=[
            Comparison(
                level,
                "",
                [cell for attention in maps for cell in _cells(attention, threshold)],
                partial(_states, views, maps, alpha),
                {name: _note(attention, threshold) for name, attention in zip(NAMES, maps, strict=True)},
            )
            for level, maps in levels.items()
        ],
        noun="level",
        exact=True,
    )


def levels_of(
    ram: Map, cam: Map, levels: NDArray[np.float32], strides: tuple[int, ...]
) -> dict[str, tuple[Map, Map]]:
    """Names the maps at full size and at each encoder level.

    Args:
        ram: RAM, H×W.
        cam: CAM, H×W.
        levels: The maps at the levels, L×2×H×W.
        strides: Pixels at the working size per pixel of each level.

    Returns:
        RAM and CAM by the name of their level.
    """
    each = {level_name(index, stride): tuple(levels[index]) for index, stride in enumerate(strides)}
    return {"full size": (ram, cam), **each}


def _states(views: tuple[Picture, Picture], maps: tuple[Map, Map], alpha: float) -> dict[str, Picture]:
    photo, restored = views
    ram, cam = maps
    return {
        "RAM": heat_map(ram),
        "CAM": heat_map(cam),
        "photo": photo,
        "restored photo": restored,
        "RAM over the photo": overlay(photo, ram, alpha),
        "CAM over the photo": overlay(photo, cam, alpha),
    }


def _cells(attention: Map, threshold: float) -> tuple[str, str]:
    return f"{_mean(attention):.3f}", f"{_share(attention, threshold):.3f}"


def _note(attention: Map, threshold: float) -> str:
    return f"mean {_mean(attention):.3f}, {percent(_share(attention, threshold))} above {threshold:g}"


def _mean(attention: Map) -> float:
    return float(attention.mean(dtype=np.float64))


def _share(attention: Map, threshold: float) -> float:
    """Returns the share of a map's pixels above a threshold, 0–1."""
    return float((attention > threshold).mean())
