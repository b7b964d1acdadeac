"""Combines each restored frame with its neighbours in time, to remove rain that is left over.

A streak brightens a place in one frame only, whereas the scene stays for many frames. So where a frame is
slightly brighter than the median over time, the median replaces it.

This works only where all frames show the same part of the scene. A neighbour that does not match is aligned
by optical flow first (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, as in
OpenCV). Where it still differs over more than a streak's width, the frame's own pixels are used in its place.
`tests/performance/flicker.py` measures the gain.
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
T = TypeVar("T")

LIMIT = 40
"""Largest brightening, in levels of 255, that counts as rain. Brighter differences are moving objects."""
PREFERENCE = 4.0
"""Levels of 255 by which aligning a neighbour must improve its match. Otherwise it is used as it is."""
WINDOW = 25
"""Side, in pixels, of the square over which frames are compared. It is several streaks wide."""
TOLERANCE = 14.0
"""Largest mean difference over the square, in levels of 255, at which a neighbour shows the same scene."""


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
    median = np.median(np.stack([pixels, *aligned]), axis=0)
    excess = (pixels - median) * (255 / np.iinfo(pixels.dtype).max)
    return np.where((excess > 0) & (excess <= LIMIT), median, pixels).astype(pixels.dtype)


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


def _aligned(neighbour: Pixels, pixels: Pixels, grey: Grey) -> Pixels:
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
    before, after = _mismatch(neighbour, grey), _mismatch(moved, grey)
    nearest = np.where((before <= after + PREFERENCE)[..., None], neighbour, moved)
    matches = np.minimum(before, after) <= TOLERANCE
    return np.where(matches[..., None], nearest, pixels)


def _mismatch(neighbour: Pixels, grey: Grey) -> NDArray[np.float32]:
    """Returns the mean difference around each pixel, H×W, in levels of 255."""
    difference = cv2.absdiff(grey, _grey(neighbour)).astype(np.float32)
    return np.asarray(cv2.blur(difference, (WINDOW, WINDOW)), np.float32)
