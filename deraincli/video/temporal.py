"""Combining each restored picture with its neighbours in time, against what is left of the rain.

A streak brightens a place for one picture, whereas the scene stays for many. So where a picture is a little
brighter than the median over time, the median counts, if the place shows the same thing all along: a
neighbour that does not match as it is, is aligned by optical flow (Kroeger et al., "Fast Optical Flow using
Dense Inverse Search", ECCV 2016, as in OpenCV), and where it still differs over more than a streak's width,
the picture itself stands in. `tests/performance/flicker.py` measures the gain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]
Grey = NDArray[np.uint8]
T = TypeVar("T")

LIMIT = 40
"""Levels of 255 by which what is left of a streak may brighten the picture; more is a thing that moves."""
PREFERENCE = 4.0
"""Levels of 255 by which moving a neighbour must improve its match."""
WINDOW = 25
"""Side, in pixels, of the square over which pictures are compared: several streaks wide."""
TOLERANCE = 14.0
"""Mean difference over that square, in levels of 255, above which a neighbour shows something else."""


def combine(pixels: Pixels, neighbours: list[Pixels]) -> Pixels:
    """The motion-robust median of a picture, H×W×3 of uint8 or uint16, and neighbours like it."""
    if not neighbours:
        return pixels
    grey = _grey(pixels)
    aligned = [_aligned(neighbour, pixels, grey) for neighbour in neighbours]
    median = np.median(np.stack([pixels, *aligned]), axis=0)
    excess = (pixels - median) * (255 / np.iinfo(pixels.dtype).max)
    return np.where((excess > 0) & (excess <= LIMIT), median, pixels).astype(pixels.dtype)


def over_time(
    items: Iterable[T], reach: int, pixels_of: Callable[[T], Pixels]
) -> Iterator[tuple[T, list[Pixels]]]:
    """Every item with the pixels of up to `reach` neighbours on each side; holds 2·reach + 1 items."""
    coming = iter(items)
    before: deque[T] = deque(maxlen=reach)
    ahead = deque(islice(coming, reach + 1))
    while ahead:
        item = ahead.popleft()
        yield item, [pixels_of(neighbour) for neighbour in (*before, *ahead)]
        before.append(item)
        ahead.extend(islice(coming, 1))


def _grey(pixels: Pixels) -> Grey:
    eight = pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
    return np.asarray(cv2.cvtColor(eight, cv2.COLOR_RGB2GRAY), np.uint8)


def _aligned(neighbour: Pixels, pixels: Pixels, grey: Grey) -> Pixels:
    """The neighbour moved onto the picture; the picture's own pixels where they do not match.

    Where the neighbour matches as it is, it stays: the flow also follows what is left of the rain.
    """
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(grey, _grey(neighbour), None)
    rows, columns = np.indices(grey.shape, np.float32)
    moved = cv2.remap(
        neighbour,
        columns + flow[..., 0],
        rows + flow[..., 1],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    as_it_is, after_moving = _mismatch(neighbour, grey), _mismatch(moved, grey)
    nearest = np.where((as_it_is <= after_moving + PREFERENCE)[..., None], neighbour, moved)
    matches = np.minimum(as_it_is, after_moving) <= TOLERANCE
    return np.where(matches[..., None], nearest, pixels)


def _mismatch(neighbour: Pixels, grey: Grey) -> NDArray[np.float32]:
    """Mean difference around each pixel, in levels of 255."""
    difference = cv2.absdiff(grey, _grey(neighbour)).astype(np.float32)
    return np.asarray(cv2.blur(difference, (WINDOW, WINDOW)), np.float32)
