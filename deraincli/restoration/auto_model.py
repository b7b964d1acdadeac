"""Streaks or drops on the lens: each picture goes to the one of two specialists that it needs.

A user does not know which rain spoils a picture. Both specialists try small windows of it; the one for
streaks hardly changes what has none, where the one for drops changes much if there are any. A picture in
which neither finds much goes to the specialist for streaks, which does less harm.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.inference.tiled import Restored
from deraincli.inference.working_size import to_working_size
from deraincli.restoration.derainer import Derainer, check_shape

WINDOW = 128
"""Side of a window, pixels."""
WINDOWS = 4
"""At most so many windows along either side of the picture, spread evenly."""
CHANGE_RATIO = 30.0
"""With drops, their specialist changes the picture at least so many times as much as the other."""
LEAST_CHANGE = 3.3 / 255
"""With drops, their specialist changes the picture at least so much. Both were set between the least of
eight pictures with drops (43-fold, 4.9/255) and the most of rain-free and streaky ones (23-fold; where more
than 30-fold, 2.3/255)."""


class Evidence(NamedTuple):
    """What the specialists make of a picture's windows."""

    streak_change: float
    """Mean absolute change by the specialist for streaks, 0–1."""
    drop_change: float
    """The same by the one for drops."""

    @property
    def drops(self) -> bool:
        """Whether the picture shows drops on the lens rather than streaks or no rain."""
        return self.drop_change > max(CHANGE_RATIO * self.streak_change, LEAST_CHANGE)


class AutoDerainer(Derainer):
    """Two specialists behind one name."""

    def __init__(self, name: str, streak: Derainer, drop: Derainer) -> None:
        """Combines two specialists.

        Args:
            name: The name of both together.
            streak: The specialist for streaks.
            drop: The specialist for drops, with the same network, device, precision and backend.
        """
        self.name = name
        self.device = streak.device
        self.precision = streak.precision
        self.backend = streak.backend
        self.notes = streak.notes
        self._streak = streak
        self._drop = drop

    @property
    def level_strides(self) -> tuple[int, ...]:
        """As `Derainer.level_strides`: both specialists have the same."""
        return self._streak.level_strides

    def select(self, pixels: NDArray[Any]) -> Derainer:
        """Returns the specialist that a picture needs."""
        return self._drop if self.evidence(pixels).drops else self._streak

    def evidence(self, pixels: NDArray[Any]) -> Evidence:
        """Tries both specialists on windows of a picture, H×W×3 or H×W×1 as `restore` takes it.

        Large ones are tried at the usual working size, whatever the one asked for: at full size, where
        neither knows the rain, a misty park was taken for drops.
        """
        check_shape(pixels)
        smaller = to_working_size(pixels, "auto")
        tries = [_try(window, self._streak, self._drop) for window in _windows(smaller)]
        return Evidence(*np.mean(tries, 0).tolist())

    def restore(
        self,
        pixels: NDArray[Any],
        *,
        maps: bool = False,
        levels: bool = False,
        on_progress: OnProgress | None = None,
        on_warning: OnWarning | None = None,
    ) -> Restored:
        """As `Derainer.restore`, by the specialist that the picture needs: `Restored.model` names it."""
        return self.select(pixels).restore(
            pixels, maps=maps, levels=levels, on_progress=on_progress, on_warning=on_warning
        )


def _try(window: NDArray[Any], streak: Derainer, drop: Derainer) -> Evidence:
    full = np.iinfo(window.dtype).max if window.dtype.kind == "u" else 1
    restored = (specialist.restore(window).image.astype(np.float32) for specialist in (streak, drop))
    return Evidence(*(float(np.abs(image - window).mean() / full) for image in restored))


def _windows(pixels: NDArray[Any]) -> list[NDArray[Any]]:
    """Windows of a picture, all inside it."""
    tops, lefts = (_starts(extent) for extent in pixels.shape[:2])
    return [pixels[top : top + WINDOW, left : left + WINDOW] for top in tops for left in lefts]


def _starts(extent: int) -> list[int]:
    """Where windows begin along a side of `extent` pixels, evenly from one end to the other."""
    count = min(WINDOWS, -(-extent // WINDOW))
    return np.linspace(0, max(extent - WINDOW, 0), count).astype(int).tolist()
