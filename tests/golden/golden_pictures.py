"""The pictures of the golden table, drawn by formula, so that they are the same everywhere."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.diagnostics.known_picture import known_pair
from deraincli.inference.working_size import SideChoice
from deraincli.restoration.derainer import Derainer
from deraincli.video.temporal import combine, over_time

Pixels = NDArray[Any]

SIDE = 80
"""Longest side of a picture, in pixels."""


class Picture(NamedTuple):
    """A picture, and the working side at which it is restored."""

    pixels: Pixels
    working_side: SideChoice = "full"


def pictures() -> dict[str, Picture]:
    """Returns the single pictures by name, H×W×3 or H×W×1, uint8 or uint16."""
    rainy, clean = known_pair("streak")
    drops, _ = known_pair("drop")
    streaks = rainy[60:124, 60:124]
    y, x = np.mgrid[:64, :64]
    return {
        "streaks": Picture(streaks),
        "drops": Picture(drops[:64, 40:104]),
        "dry": Picture(clean[100:164, 60:124]),
        "animation": Picture(_animation()),
        "ramp": Picture(np.stack([4 * x, 4 * y, 252 - 4 * x], -1).astype(np.uint8)),
        "black and white": Picture(_grey(255 * (x < 32))),
        "checks": Picture(_grey(96 + 64 * ((x + y) % 2))),
        "railing": Picture(_grey(np.where(x % 8 < 2, 220, 40 + 2 * y))),
        "grey": Picture(streaks[..., 1:2]),
        "16 bit": Picture(streaks.astype(np.uint16) * 257 - x[..., None].astype(np.uint16) // 2 % 100),
        "odd size": Picture(rainy[20:57, 30:91]),
        "tiny": Picture(streaks[:5, :3]),
        "reduced": Picture(rainy[40:120, 60:132], working_side=64),
    }


def clip(*, rainy: bool) -> list[Pixels]:
    """Returns the frames of a clip whose scene moves to the right, at will while rain falls."""
    picture, clean = known_pair("streak")
    rain = (picture.astype(int) - clean) * rainy
    scenes = (np.roll(clean, 2 * frame, axis=1) for frame in range(3))
    frames = (scene + np.roll(rain, 25 * frame, axis=0) for frame, scene in enumerate(scenes))
    return [frame.clip(0, 255).astype(np.uint8)[40:104, 40:104] for frame in frames]


def restore_clip(derainer: Derainer, frames: list[Pixels]) -> dict[str, Pixels]:
    """Restores a clip as `derain video --temporal 1` does, without encoding it. Returns frames by name."""
    restored = [derainer(frame) for frame in frames]
    steady = [combine(frame, near) for frame, near in over_time(restored, 1, lambda frame: frame)]
    return {f"clip {number}": frame for number, frame in enumerate(steady, start=1)}


def as_rgb8(pixels: Pixels) -> NDArray[np.uint8]:
    """Returns a picture as H×W×3 uint8, rounded."""
    levels = pixels if pixels.dtype == np.uint8 else np.round(pixels / 257).astype(np.uint8)
    return np.broadcast_to(levels, (*levels.shape[:2], 3))


def _grey(levels: NDArray[Any]) -> Pixels:
    return np.repeat(levels.astype(np.uint8)[..., None], 3, axis=2)


def _animation() -> Pixels:
    """A frame of flat colours with black outlines."""
    frame = np.full((64, 64, 3), (120, 190, 240), np.uint8)
    frame[44:] = (90, 160, 70)
    for shape, colour in (((20, 30, 12), (230, 60, 60)), ((46, 38, 9), (250, 210, 60))):
        *centre, radius = shape
        cv2.circle(frame, centre, radius + 1, (0, 0, 0), -1)
        cv2.circle(frame, centre, radius - 1, colour, -1)
    cv2.rectangle(frame, (30, 8), (33, 50), (0, 0, 0), -1)
    return frame
