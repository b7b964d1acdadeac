"""Combines each restored frame with its neighbours in time, to remove rain that is left over.

A streak brightens a place in one frame only, whereas the scene stays for many frames. So where a frame is
slightly brighter than the median over time, the median replaces it.

This works only where all frames show the same part of the scene. A neighbour that does not match is aligned
by optical flow first (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, as in
OpenCV). Where it still differs over more than a streak's width, the frame's own pixels are used in its place.

Every choice between two pictures fades over a range of levels. A hard limit would leave edges where it is
crossed. `tests/performance/flicker.py` measures the gain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from deraincli.pixels import Pixels

Grey = NDArray[np.uint8]
"""H×W, 0–255."""
Levels = NDArray[np.float32]
"""Levels of pixels, or shares of 0–1: H×W×3 or H×W×1."""
T = TypeVar("T")

BRIGHTENING = (30.0, 60.0)
"""How much brighter a pixel is than the median over time, in levels of 255.

Up to the first, this is rain. From the second on, it is a moving object.
"""
WINDOW = 25
"""Side, in pixels, of the square over which frames are compared. It is several streaks wide."""
IMPROVEMENT = (2.0, 6.0)
"""How much the flow lowers the mean difference over the square, in levels of 255.

Up to the first, a neighbour is used as it is. From the second on, it is used as the flow moves it.
"""
DIFFERENCE = (10.0, 18.0)
"""Mean difference over the square, in levels of 255.

Up to the first, a neighbour shows the same scene. From the second on, it shows another.
"""


def combine(pixels: Pixels, neighbours: list[Pixels]) -> Pixels:
    """Replaces slightly too bright pixels of a frame by the median over time.

    Args:
        pixels: The frame, H×W×3 of uint8 or uint16.
        neighbours: The frames before and after it, of the same shape and dtype. May be empty.

    Returns:
        The combined frame, of the same shape and dtype.
    """
    if not neighbours:
        return pixels
    grey = _grey(pixels)
    aligned = [_aligned(neighbour, pixels, grey) for neighbour in neighbours]
    median = np.median(np.stack([pixels.astype(np.float32), *aligned]), axis=0)
    excess = np.maximum(pixels - median, 0)
    rain = _fading(excess * (255 / np.iinfo(pixels.dtype).max), BRIGHTENING)
    return np.rint(pixels - rain * excess).astype(pixels.dtype)


def over_time(
    items: Iterable[T], reach: int, pixels_of: Callable[[T], Pixels]
) -> Iterator[tuple[T, list[Pixels]]]:
    """Yields each item with the pixels of its neighbours.

    Args:
        items: The items in order. At most 2·reach + 1 of them are in memory.
        reach: Largest number of neighbours on each side.
        pixels_of: Returns the pixels of an item.
    """
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


def _fading(levels: Levels, limits: tuple[float, float]) -> Levels:
    """Returns 1 up to the first limit, 0 from the second on, and a straight line between them."""
    first, second = limits
    return np.clip((second - levels) / (second - first), 0, 1)


def _aligned(neighbour: Pixels, pixels: Pixels, grey: Grey) -> Levels:
    """Returns the neighbour aligned with the frame, and the frame's own pixels where they do not match.

    Where the neighbour matches without alignment, it is not moved, because the flow also follows rain.
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
    before, after = _difference(neighbour, grey), _difference(moved, grey)
    nearest = _mixed(neighbour, moved, _fading(before - after, IMPROVEMENT))
    return _mixed(nearest, pixels, _fading(np.minimum(before, after), DIFFERENCE))


def _mixed(one: Pixels | Levels, other: Pixels | Levels, share: Levels) -> Levels:
    """Returns a mixture of two pictures, H×W×3. `share` is that of the first, H×W×1."""
    return share * one + (1 - share) * other


def _difference(neighbour: Pixels, grey: Grey) -> Levels:
    """Returns the mean difference around each pixel, H×W×1, in levels of 255."""
    difference = cv2.absdiff(grey, _grey(neighbour)).astype(np.float32)
    return np.asarray(cv2.blur(difference, (WINDOW, WINDOW)), np.float32)[..., None]
