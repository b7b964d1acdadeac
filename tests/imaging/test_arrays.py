"""Orientations are the eight symmetries of a rectangle."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

from deraincli.imaging.arrays import upright

ORIENTATIONS = range(1, 9)
PICTURE = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def all_ways(array: np.ndarray) -> dict[bytes, int]:
    """The orientation by the content of the turned picture, its shape included."""
    turned = ((upright(array, way), way) for way in ORIENTATIONS)
    return {bytes(picture.shape) + picture.tobytes(): way for picture, way in turned}


def composed(first: int, second: int) -> int:
    """The orientation that turns at once as two do one after the other."""
    picture = upright(upright(PICTURE, first), second)
    return all_ways(PICTURE)[bytes(picture.shape) + picture.tobytes()]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_pictures_are_turned_as_pillow_turns_them(orientation: int) -> None:
    file = io.BytesIO()
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    PIL.Image.fromarray(PICTURE).save(file, "PNG", exif=exif)
    theirs = np.asarray(PIL.ImageOps.exif_transpose(PIL.Image.open(file)))
    np.testing.assert_array_equal(upright(PICTURE, orientation), theirs)


def test_orientations_are_a_group() -> None:
    """Two of them are one of them, each has an inverse, and the order of brackets does not matter."""
    table = {(a, b): composed(a, b) for a in ORIENTATIONS for b in ORIENTATIONS}
    for a in ORIENTATIONS:
        assert table[a, 1] == table[1, a] == a
        assert [table[a, b] for b in ORIENTATIONS].count(1) == 1
        for b in ORIENTATIONS:
            for c in ORIENTATIONS:
                assert table[table[a, b], c] == table[a, table[b, c]]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_grey_is_turned_as_colour(orientation: int) -> None:
    grey = np.arange(6, dtype=np.uint16).reshape(2, 3)
    colour = upright(grey[..., None], orientation)
    np.testing.assert_array_equal(upright(grey, orientation), colour[..., 0])
    assert colour.flags.c_contiguous
