"""What the Python API takes and gives, and what it says of anything else."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
from PIL.ExifTags import Base

import deraincli
from deraincli import Derainer
from deraincli.errors import DerainError


@pytest.fixture(scope="module")
def one(small_model: Path) -> Derainer:
    return deraincli.load(small_model, precision="fp32", tile="off")


@pytest.fixture(scope="module")
def either() -> Derainer:
    """Two models and a choice, which looks at the picture before the network does."""
    return deraincli.load(precision="fp32", tile="off")


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("convert", [np.uint8, lambda a: a.astype(np.uint16) * 257, lambda a: a / 255])
def test_grey_comes_back_in_the_shape_that_it_came_in(one: Derainer, convert: Callable[..., Any]) -> None:
    flat = convert(noise(20, 30))
    clean, maps = one(flat, return_maps=True)
    assert (clean.shape, clean.dtype, maps.ram.shape) == (flat.shape, flat.dtype, (20, 30))
    np.testing.assert_array_equal(clean, one(flat[..., None])[..., 0])
    assert not np.array_equal(clean, flat)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_photo_that_lies_on_its_side_is_turned_upright(one: Derainer, orientation: int, mode: str) -> None:
    stored = PIL.Image.fromarray(noise(20, 30, 4)).convert(mode)
    exif = PIL.Image.Exif()
    exif[Base.Orientation], exif[Base.Model] = orientation, "camera"
    file = io.BytesIO()
    stored.save(file, "PNG", exif=exif)
    photo = PIL.Image.open(file)
    clean, maps = one(photo, return_maps=True)
    upright = PIL.ImageOps.exif_transpose(photo)
    assert (clean.size, maps.ram.shape[::-1]) == (upright.size, upright.size)
    np.testing.assert_array_equal(clean, one(upright))
    again = io.BytesIO()
    clean.save(again, "PNG", exif=clean.info["exif"])
    saved = PIL.Image.open(again).getexif()
    assert (saved[Base.Orientation], saved[Base.Model]) == (1, "camera")


def test_threads_of_a_loaded_model_sleep_while_they_wait(small_model: Path) -> None:
    """GNU's OpenMP prints what it goes by when PyTorch loads it."""
    load = f"import deraincli, os; deraincli.load({str(small_model)!r})"
    code = f"{load}; print(os.environ.get('OMP_WAIT_POLICY'))"
    env = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=env | {"OMP_DISPLAY_ENV": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.search(r"OMP_WAIT_POLICY\s*=\s*'PASSIVE'", ran.stderr)
    assert ran.stdout == "None\n"


def test_a_model_is_named_by_a_path_object_too(small_model: Path) -> None:
    assert deraincli.load(small_model).name == deraincli.load(str(small_model)).name == "small"


@pytest.mark.parametrize("dtype", ["u2", "f4", "f8"])
def test_the_byte_order_of_an_array_does_not_matter(one: Derainer, dtype: str) -> None:
    """Files store numbers in either order, and libraries return them as stored."""
    pixels = (noise(20, 30, 3) / 255 * (65535 if dtype == "u2" else 1)).astype(f"={dtype}")
    expected = one(pixels)
    for order in "<>":
        assert np.array_equal(one(pixels.astype(f"{order}{dtype}")), expected)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_deep_grey_of_pillow_is_restored_as_the_message_says(
    one: Derainer, tmp_path: Path, suffix: str
) -> None:
    deep = noise(20, 30).astype(np.uint16) * 257
    PIL.Image.fromarray(deep).save(tmp_path / f"deep.{suffix}")
    with PIL.Image.open(tmp_path / f"deep.{suffix}") as image:
        with pytest.raises(DerainError, match=r"numpy.asarray\(image, numpy.uint16\)"):
            one(image)
        assert np.array_equal(one(np.asarray(image, np.uint16)), one(deep))


def test_the_package_offers_its_public_names_before_anything_is_loaded() -> None:
    code = (
        "import sys, deraincli; print(*dir(deraincli), deraincli.errors.DerainError, 'torch' in sys.modules)"
    )
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {"Derainer", "errors", "load", "False"} <= set(names.split())


@pytest.mark.parametrize("loaded", ["one", "either"])
@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("photo.jpg", "PIL.Image.open"),
        (Path("photo.jpg"), "PIL.Image.open"),
        (np.zeros((0, 0, 3), np.uint8), "no pixels"),
        (np.zeros((0, 40), np.uint8), "no pixels"),
        (np.zeros((40, 0, 1)), "no pixels"),
        (PIL.Image.new("RGB", (0, 5)), "no pixels"),
        (noise(20, 30, 4), "(20, 30, 4)"),
        (noise(3), "(3,)"),
        (noise(2, 20, 30, 3), "(2, 20, 30, 3)"),
        (None, "()"),
        ([[1, 2], [3]], "unequal rows"),
        (noise(20, 30, 3).astype(np.int64), "int64"),
        (noise(20, 30, 3) > 9, "bool"),
        (noise(700, 700).astype(np.int64), "int64"),
        (np.full((20, 30, 3), np.nan), "from 0 to 1"),
        (np.full((20, 30), 255.0), "from 0 to 1"),
        (np.full((20, 30, 3), "a"), "not of <U1"),
        (PIL.Image.new("CMYK", (5, 5)), "image.convert('RGB')"),
        (PIL.Image.new("1", (5, 5)), "image.convert('L')"),
        (PIL.Image.new("PA", (5, 5)), "image.convert('RGBA')"),
        (PIL.Image.new("I;16", (5, 5)), "numpy.asarray(image, numpy.uint16)"),
        (PIL.Image.new("I;16B", (5, 5)), "numpy.asarray(image, numpy.uint16)"),
        (PIL.Image.new("I", (5, 5)), "array of uint16"),
        (PIL.Image.new("F", (5, 5)), "floats in 0–1"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
@pytest.mark.filterwarnings("error")
def test_anything_else_is_refused_in_one_sentence(
    request: pytest.FixtureRequest, loaded: str, image: Any, says: str
) -> None:
    with pytest.raises(DerainError) as refusal:
        request.getfixturevalue(loaded)(image)
    assert says in str(refusal.value)


@pytest.mark.parametrize("side", ["mask", "protect"])
@pytest.mark.parametrize(
    ("mask", "says"),
    [
        ("mask.png", "PIL.Image.open"),
        (Path("mask.png"), "PIL.Image.open"),
        ([[1, 2], [3]], "unequal rows"),
        (np.zeros((0, 40), np.uint8), "(0, 40)"),
        (PIL.Image.new("L", (0, 5)), "(0, 5)"),
        (noise(20, 30, 4), "(20, 30, 4)"),
        (noise(20, 30).astype(np.int64), "A mask is of uint8, uint16 or floats in 0–1, not of int64"),
        (np.full((20, 30), np.nan), "A mask of floats runs from 0 to 1"),
        (noise(30, 30), "proportions"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
@pytest.mark.filterwarnings("error")
def test_anything_else_as_a_mask_is_refused_in_one_sentence(
    one: deraincli.Derainer, side: str, mask: Any, says: str
) -> None:
    with pytest.raises(DerainError) as refusal:
        one(noise(20, 30, 3), **{side: mask})
    assert says in str(refusal.value)
