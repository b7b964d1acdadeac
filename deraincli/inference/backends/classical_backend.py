"""Runs a classical method on whole pictures, which takes minutes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deraincli.callbacks import OnProgress, OnWarning
from deraincli.errors import DeviceError, UsageError
from deraincli.inference.tiling import OverlapChoice, TileChoice, Tiling

if TYPE_CHECKING:
    from deraincli.models.classical.registry import ClassicalMethod

NO_MAPS = "A classical method has no attention maps: choose a network."


class ClassicalBackend:
    """A classical method as a backend.

    It keeps no state between pictures, so several threads may call it at once.
    """

    device = "cpu"
    precision = "fp32"
    backend = "classical"
    notes: tuple[str, ...] = ()

    def __init__(
        self,
        method: ClassicalMethod,
        *,
        device: str = "auto",
        precision: str = "auto",
        max_seconds: float | None = None,
    ) -> None:
        """Sets up a method.

        Args:
            method: The classical method.
            device: `auto` or `cpu`.
            precision: `auto` or `fp32`.
            max_seconds: Seconds after which to end a pass with the best result so far. None lets the method
                finish.

        Raises:
            DeviceError: The device or the precision is another one.
        """
        if device not in ("auto", self.device) or precision not in ("auto", self.precision):
            raise DeviceError(
                "A classical method runs on the CPU in fp32: leave device and precision to auto."
            )
        self._method = method
        self._max_seconds = max_seconds

    @property
    def level_strides(self) -> tuple[int, ...]:
        """Unavailable, because a classical method has no maps.

        Raises:
            UsageError: Always.
        """
        raise UsageError(NO_MAPS)

    def tiling(self, tile: TileChoice, overlap: OverlapChoice) -> Tiling:
        """Keeps pictures whole.

        Args:
            tile: "auto" or "off".
            overlap: "auto".

        Returns:
            A tiling that does not cut pictures.

        Raises:
            UsageError: The sizes are other ones.
        """
        if tile not in ("auto", "off") or overlap != "auto":
            raise UsageError("A classical method takes pictures whole: leave tile and overlap to auto.")
        return Tiling(None, 0, self._method.multiple)

    def run_tile(
        self,
        tile: NDArray[np.float32],
        *,
        maps: bool = False,
        levels: bool = False,
        on_progress: OnProgress | None = None,
        on_warning: OnWarning | None = None,
    ) -> NDArray[np.float32]:
        """Restores a whole picture, as `Backend.run_tile` describes. `maps` has no effect.

        The time limit is checked between the steps of the method. A warning says if it stops the method.
        """
        if levels:
            raise UsageError(NO_MAPS)
        begin, steps = time.monotonic(), self._method.steps
        estimates = self._method.restore(tile.transpose(1, 2, 0))
        for done, estimate in enumerate(estimates):  # noqa: B007
            if on_progress:
                on_progress(done, steps)
            spent = time.monotonic() - begin
            if self._max_seconds is not None and done < steps and spent >= self._max_seconds:
                if on_warning:
                    on_warning(_stopped(done, steps, self._max_seconds))
                break
        return estimate.transpose(2, 0, 1)


def _stopped(done: int, steps: int, limit: float) -> str:
    result = "this is the best so far" if done else "the picture is as it was"
    return f"Stopped by the limit of {limit:g} s after {done} of {steps} steps: {result}."
