"""Combining each restored picture with its neighbours in time, against what is left of the rain.

A streak stays in a place for one picture, whereas the scene stays for many. So the median over time of
what each place shows is free of streaks, if the place shows the same thing all along: neighbours are
first aligned by optical flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016,
as in OpenCV), and where they still differ over more than a streak's width, the picture itself counts
instead, so that nothing that moves leaves a ghost.
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

WINDOW = 15
"""Side, in pixels, of the square over which pictures are compared: several streaks wide."""
TOLERANCE = 6.0
"""Mean difference over that square, in levels of 255, above which a neighbour shows something else."""


def combine(pixels: Pixels, neighbours: list[Pixels]) -> Pixels:
    """The motion-robust median of a picture, H×W×3 of uint8 or uint16, and neighbours like it."""
    if not neighbours:
        return pixels
    grey = _grey(pixels)
    aligned = [_aligned(neighbour, pixels, grey) for neighbour in neighbours]
    return np.median(np.stack([pixels, *aligned]), axis=0).astype(pixels.dtype)


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
    """The neighbour moved onto the picture; the picture's own pixels where they do not match."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(grey, _grey(neighbour), None)
    rows, columns = np.indices(grey.shape, np.float32)
    moved = cv2.remap(
        neighbour,
        columns + flow[..., 0],
        rows + flow[..., 1],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    difference = cv2.absdiff(grey, _grey(moved)).astype(np.float32)
    matches = cv2.blur(difference, (WINDOW, WINDOW)) <= TOLERANCE
    return np.where(matches[..., None], moved, pixels)
