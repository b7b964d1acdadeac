"""Chooses between two specialists for each picture, one for rain streaks and one for drops on the lens.

Users need not know which rain a picture shows. Both specialists restore small windows of it. If the picture
shows drops, the specialist for drops changes the windows much and the one for streaks hardly changes them. In
all other cases the specialist for streaks restores the picture, because it does less harm.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.inference.tiled import Restored
from deraincli.inference.working_size import USUAL_SIDE, reduced
from deraincli.restoration.derainer import Derainer, check_shape

WINDOW = 128
"""Side of a window in pixels."""
WINDOWS = 4
"""Largest number of windows along each side of the picture. They are spread evenly."""
CHANGE_RATIO = 30.0
"""Ratio of the changes by the specialists for drops and for streaks above which a picture may show drops.

In eight pictures with drops the ratio was at least 43. In other pictures it was at most 23, except in some
that the specialist for drops hardly changed.
"""
LEAST_CHANGE = 3.3 / 255
"""Mean change by the specialist for drops, 0–1, above which a picture may show drops.

In eight pictures with drops the change was at least 4.9/255. In other pictures with a ratio above
CHANGE_RATIO it was at most 2.3/255.
"""

TRIED_AS_THEY_ARE = 1.5 * USUAL_SIDE
"""Shorter side in pixels up to which windows are cut from the picture as it is."""


class Evidence(NamedTuple):
    """How much each specialist changes a picture's windows."""

    streak_change: float
    """Mean absolute change by the specialist for streaks, 0–1."""
    drop_change: float
    """Mean absolute change by the specialist for drops, 0–1."""

    @property
    def drops(self) -> bool:
        """Whether the picture shows drops on the lens rather than streaks or no rain."""
        return self.drop_ratio > 1

    @property
    def drop_ratio(self) -> float:
        """The change by the specialist for drops, as a multiple of the one above which a picture shows drops.

        The further it is from 1, the clearer the choice.
        """
        return self.drop_change / max(CHANGE_RATIO * self.streak_change, LEAST_CHANGE)


class AutoDerainer(Derainer):
    """A model that restores each picture with one of two specialists."""

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
        """`Derainer.level_strides` of both specialists, which are equal."""
        return self._streak.level_strides

    def select(self, pixels: NDArray[Any]) -> Derainer:
        """Returns the specialist that restores a picture.

        Args:
            pixels: The picture, as `restore` takes it.
        """
        return self.specialist(self.evidence(pixels))

    def specialist(self, evidence: Evidence) -> Derainer:
        """Returns the specialist that restores a picture.

        Args:
            evidence: The picture's evidence.
        """
        return self._drop if evidence.drops else self._streak

    def evidence(self, pixels: NDArray[Any], *, on_progress: OnProgress | None = None) -> Evidence:
        """Restores windows of a picture with both specialists, and measures the changes.

        A large picture is always tried at the coarsest working size. At full size, neither specialist knows
        the rain, and a picture of a misty park was mistaken for one with drops.

        Args:
            pixels: The picture, H×W×3 or H×W×1, as `restore` takes it.
            on_progress: Receives the number of windows done and the number of all windows.

        Raises:
            InputError: The array has another shape.
        """
        check_shape(pixels)
        large = min(pixels.shape[:2]) > TRIED_AS_THEY_ARE
        smaller = reduced(pixels, USUAL_SIDE) if large else pixels
        windows = _windows(smaller)
        tries = []
        for done, window in enumerate(windows, start=1):
            tries.append(_try(window, self._streak, self._drop))
            if on_progress:
                on_progress(done, len(windows))
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
        """Restores a picture with the specialist that `select` returns, which `Restored.model` names.

        `Derainer.restore` describes the arguments and the errors.
        """
        return self.select(pixels).restore(
            pixels, maps=maps, levels=levels, on_progress=on_progress, on_warning=on_warning
        )


def _try(window: NDArray[Any], streak: Derainer, drop: Derainer) -> Evidence:
    full = np.iinfo(window.dtype).max if window.dtype.kind == "u" else 1
    restored = (specialist.restore(window).image.astype(np.float32) for specialist in (streak, drop))
    return Evidence(*(float(np.abs(image - window).mean() / full) for image in restored))


def _windows(pixels: NDArray[Any]) -> list[NDArray[Any]]:
    """Returns the windows of a picture, which all lie inside it."""
    tops, lefts = (_starts(extent) for extent in pixels.shape[:2])
    return [pixels[top : top + WINDOW, left : left + WINDOW] for top in tops for left in lefts]


def _starts(extent: int) -> list[int]:
    """Returns where windows begin along a side of `extent` pixels, evenly from one end to the other."""
    count = min(WINDOWS, -(-extent // WINDOW))
    return np.linspace(0, max(extent - WINDOW, 0), count).astype(int).tolist()
