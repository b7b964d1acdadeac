"""How much of a restoration is applied, and where."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deraincli.errors import InputError, UsageError
from deraincli.files.manifest import Stamp, stamp
from deraincli.geometry import Size, row_bands
from deraincli.imaging.decode import file_sha256
from deraincli.restoration.mask import Mask, read_mask

MAX_STRENGTH = 1.5
"""Largest strength. Above 1, the change by the network is exaggerated."""
_ONE = 1 << 16
"""A share of 1 in whole numbers."""


def check_strength(strength: float) -> None:
    """Checks a strength.

    Args:
        strength: Share of the change.

    Raises:
        UsageError: The strength is not in 0 to MAX_STRENGTH.
    """
    if not 0 <= strength <= MAX_STRENGTH:  # also false for NaN
        raise UsageError(f"The strength is a number from 0 to {MAX_STRENGTH}, not {strength}.")


@dataclass(frozen=True)
class Control:
    """The share of the change that each pixel gets.

    The result is `picture + strength · mask · (1 − protect) · (restored − picture)`, limited to the range of
    the picture. A missing mask is white, and a missing `protect` is black.
    """

    strength: float = 1.0
    """Share of the change, 0 to MAX_STRENGTH."""
    mask: Mask | None = None
    """White parts are restored."""
    protect: Mask | None = None
    """White parts are left alone."""

    def __post_init__(self) -> None:
        """Checks the strength.

        Raises:
            UsageError: The strength is not in 0 to MAX_STRENGTH.
        """
        check_strength(self.strength)

    def check(self, picture: Size) -> None:
        """Checks that the masks fit a picture.

        Args:
            picture: Size of the picture, pixels.

        Raises:
            InputError: A mask has other proportions.
        """
        for mask in (self.mask, self.protect):
            if mask is not None:
                mask.check(picture)

    def refuse_empty_mask(self) -> None:
        """Checks that there is something to restore in the mask.

        Raises:
            InputError: The mask is black everywhere.
        """
        if self.mask is not None and self.mask.is_black:
            raise InputError(
                f"{self.mask.name} is black everywhere, so nothing would be restored: paint the parts to "
                "restore white, or give it to --protect."
            )

    @property
    def leaves_all(self) -> bool:
        """Whether no pixel of any picture changes."""
        masked = self.mask is not None and self.mask.is_black
        protected = self.protect is not None and self.protect.is_white
        return self.strength == 0 or masked or protected

    def apply(self, picture: NDArray[Any], restored: NDArray[Any]) -> NDArray[Any]:
        """Applies a share of the change, in bands of rows to save memory.

        Args:
            picture: The picture, H×W×C of uint8, uint16, or floats in 0–1.
            restored: Its restoration, of the same shape and dtype. It is overwritten with the result.

        Returns:
            `restored`. Where the share is 0 it equals `picture` exactly, and where the share is 1 it is
            unchanged. Integers are mixed in whole numbers and rounded to the nearest.
        """
        if self == Control():
            return restored
        size = Size(*picture.shape[:2])
        mask = self.mask and self.mask.fitted(size)
        protect = self.protect and self.protect.fitted(size)
        for rows in row_bands(*picture.shape[:2]):
            share = np.full((1, 1, 1), self.strength, np.float32)
            if mask is not None:
                share = share * mask.rows(size, rows)
            if protect is not None:
                share = share * (1 - protect.rows(size, rows))
            restored[rows] = _mixed(picture[rows], restored[rows], np.rint(share * _ONE))
        return restored


@dataclass(frozen=True)
class ControlOptions:
    """A strength and the files of masks, as a user gives them."""

    strength: float = 1.0
    """Share of the change, 0 to MAX_STRENGTH."""
    mask: Path | None = None
    """White parts are restored."""
    protect: Path | None = None
    """White parts are left alone."""

    def __post_init__(self) -> None:
        """Checks the strength and that there are two masks if both are given.

        Raises:
            UsageError: The strength is not in 0 to MAX_STRENGTH, or both masks are the same file or folder.
        """
        check_strength(self.strength)
        if self.mask and self.protect and os.path.realpath(self.mask) == os.path.realpath(self.protect):
            raise UsageError(
                f"'{self.mask}' is both the mask and what to protect, which leaves hardly anything to "
                "restore: give it once."
            )

    def load(self, *, max_pixels: int) -> Control:
        """Reads the masks.

        Args:
            max_pixels: Larger masks are refused.

        Raises:
            InputError: A mask cannot be read.
        """
        mask, protect = (
            None if file is None else read_mask(file, max_pixels=max_pixels)
            for file in (self.mask, self.protect)
        )
        return Control(self.strength, mask, protect)

    @property
    def identity(self) -> tuple[float | str | None, ...]:
        """The strength and the hashes of the masks. Empty if the whole restoration is applied.

        Raises:
            InputError: A mask cannot be read.
        """
        if self == WHOLE:
            return ()
        files = (self.mask, self.protect)
        return self.strength, *(None if file is None else _sha256(file, stamp(file)) for file in files)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the masks that are given."""
        return tuple(file for file in (self.mask, self.protect) if file is not None)

    def record(self) -> dict[str, Any]:
        """Returns the options as part of a JSON object."""
        files = {"mask": self.mask, "protect": self.protect}
        names = {name: None if file is None else str(file) for name, file in files.items()}
        return {"strength": self.strength, **names}

    def __str__(self) -> str:
        """The options that differ from their defaults, such as `strength 0.5, mask sky.png`, or nothing."""
        default = WHOLE.record()
        return ", ".join(f"{name} {value}" for name, value in self.record().items() if value != default[name])


WHOLE = ControlOptions()
"""The whole change, everywhere."""


def _mixed(before: NDArray[Any], after: NDArray[Any], share: NDArray[np.float32]) -> NDArray[Any]:
    """Adds a share of the change to rows of a picture.

    Args:
        before: The rows, n×W×C.
        after: Their restoration.
        share: The share in whole numbers, n×W×1 or 1×1×1. _ONE stands for all of the change.
    """
    if before.dtype.kind == "f":
        mixed = before + share / _ONE * (after - before)
        # The sum can differ from `after` by a rounding error.
        return np.where(share == _ONE, after, mixed.clip(0, 1)).astype(before.dtype, copy=False)
    whole = np.int32 if before.dtype == np.uint8 else np.int64
    change = (after.astype(whole) - before) * share.astype(whole)
    mixed = before + ((change + _ONE // 2) >> 16)
    return mixed.clip(0, np.iinfo(before.dtype).max).astype(before.dtype)


@lru_cache(maxsize=2)  # all pictures of a batch may share one mask to restore and one to protect
def _sha256(file: Path, stamped: Stamp | None) -> str:
    return file_sha256(file)
