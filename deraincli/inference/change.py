"""Measures how much a restoration changed an image."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deraincli.geometry import row_bands
from deraincli.inference.tiled import unit_range

VISIBLE = 10.5 / 255
"""Change of a channel, 0–1, above which a pixel has changed visibly. In 8 bits that is 11 of 255 or more."""
LITTLE_CHANGE = 0.03
"""Share of visibly changed pixels, 0–1, below which an image has changed little.

In 24 real rainy photos the share was 0 to 1.9 % (14 photos), 2.9 %, 3.0 %, and 10 to 28 % (8 photos). Three
were compared by eye. At 1.9 % the result looked like the photo. At 2.9 and 3.0 % the rain was thinner.
`tests/performance/change.py` measures the share for the photos of a folder.
"""


class Change(NamedTuple):
    """The difference between an image and its restoration."""

    mean: float
    """Mean absolute change over all pixels and channels, 0–1."""
    share: float
    """Share of the pixels that changed visibly, 0–1."""

    @property
    def little(self) -> bool:
        """Whether the change is so little that rain may be left."""
        return self.share < LITTLE_CHANGE

    def record(self) -> dict[str, float]:
        """Returns the change as part of a JSON object."""
        return {"mean_change": round(self.mean, 6), "changed_share": round(self.share, 6)}


def measure_change(before: NDArray[Any], after: NDArray[Any]) -> Change:
    """Compares an image with its restoration in bands of rows, which saves memory.

    Args:
        before: The image, H×W×C of uint8, uint16, or floats in 0–1.
        after: Its restoration, of the same shape and dtype.
    """
    total, visible = 0.0, 0
    for rows in row_bands(*before.shape[:2]):
        difference = np.abs(unit_range(after[rows]) - unit_range(before[rows]))
        total += float(difference.sum(dtype=np.float64))
        visible += int((difference.max(axis=2) > VISIBLE).sum())
    return Change(total / before.size, visible / (before.shape[0] * before.shape[1]))


def percent(share: float) -> str:
    """Returns a share as a percentage, with one decimal below 10 %.

    Args:
        share: The share, 0–1.
    """
    return f"{100 * share:.{1 if share < 0.1 else 0}f} %"
