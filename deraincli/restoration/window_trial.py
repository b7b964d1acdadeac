"""Tries the specialists for streaks and for drops on small windows of a picture.

If the picture shows drops on the lens, the specialist for drops changes the windows much, and the one for
streaks hardly changes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deraincli.inference.change import measure_change
from deraincli.restoration.derainer import Derainer

WINDOW = 128
"""Side of a window in pixels."""
WINDOWS = 4
"""Largest number of windows along each side of the picture. They are spread evenly."""
CHANGE_RATIO = 35.0
"""Ratio of the changes by the specialists for drops and for streaks above which a picture may show drops.

In the five photos with drops about which the classifier was in doubt, the ratio was at least 430. In the
other photos in doubt it was at most 27.
"""
LEAST_CHANGE = 3.3 / 255
"""Mean change by the specialist for drops, 0–1, above which a picture may show drops.

In the five photos with drops about which the classifier was in doubt, the change was at least 7.8/255. In ten
of the other photos in doubt it was at most 2.5/255, and 5.8/255 in one of a cat before a blurred background.
"""


def windows_show_drops(pixels: NDArray[Any], streak: Derainer, drop: Derainer) -> bool:
    """Returns whether the windows of a picture show drops on the lens rather than streaks or no rain.

    Args:
        pixels: The picture at its working size, H×W×3 or H×W×1, as `Derainer.restore` takes it.
        streak: The specialist for streaks.
        drop: The specialist for drops.
    """
    windows = _windows(pixels)
    streak_change, drop_change = (
        float(np.mean([measure_change(window, specialist.restore(window).image).mean for window in windows]))
        for specialist in (streak, drop)
    )
    return drop_change > max(CHANGE_RATIO * streak_change, LEAST_CHANGE)


def _windows(pixels: NDArray[Any]) -> list[NDArray[Any]]:
    """Returns the windows of a picture, which all lie inside it."""
    tops, lefts = (_starts(extent) for extent in pixels.shape[:2])
    return [pixels[top : top + WINDOW, left : left + WINDOW] for top in tops for left in lefts]


def _starts(extent: int) -> list[int]:
    """Returns where windows begin along a side of `extent` pixels, evenly from one end to the other."""
    count = min(WINDOWS, -(-extent // WINDOW))
    return np.linspace(0, max(extent - WINDOW, 0), count).astype(int).tolist()
