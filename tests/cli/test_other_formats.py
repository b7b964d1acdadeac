"""HEIC, JPEG XL and camera raws from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
from imaging.raw_files import write_dng

from deraincli.imaging import formats

pillow_heif = pytest.importorskip("pillow_heif")
pytest.importorskip("pillow_jxl")
pytest.importorskip("pi_heif")
pytest.importorskip("rawpy")


def photo(height: int = 48, width: int = 64) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A picture of every kind, each of 64×48 pixels as displayed."""
    tags = PIL.Image.Exif()
    tags[0x0112], tags[0x010F] = 6, "Maker"
    turned = pillow_heif.from_pillow(PIL.Image.fromarray(np.rot90(photo())))
    content = BytesIO()
    turned.save(content, exif=tags.tobytes())
    here = tmp_path / "photos"
    here.mkdir()
    (here / "a.HEIC").write_bytes(content.getvalue())
    PIL.Image.fromarray(photo()).save(here / "b.jxl", exif=tags.tobytes())
    (here / "c.dng").write_bytes(write_dng(photo() / 255))
    return here


@pytest.fixture
def restore(derain, small_model: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("DERAIN_TILE", "off")
    monkeypatch.setenv("DERAIN_MODEL", str(small_model))
    return derain


def test_results_have_the_format_that_can_be_written(restore, folder: Path) -> None:
    """At strength 0, so that only reading and writing change anything."""
    for name, suffix in (("a.HEIC", ".jpg"), ("b.jxl", ".jxl"), ("c.dng", ".tif")):
        done = restore("image", folder / name, "--strength", 0)
        result = folder / f"{name[0]}.derained{suffix}"
        assert (done.code, result.exists()) == (0, True), done.err
    jpeg = PIL.Image.open(folder / "a.derained.jpg")
    assert (jpeg.size, jpeg.getexif()[0x0112], jpeg.getexif()[0x010F]) == ((64, 48), 1, "Maker")
    assert np.abs(np.asarray(jpeg).astype(int) - photo()).mean() < 6
    developed = cv2.imread(str(folder / "c.derained.tif"), cv2.IMREAD_UNCHANGED)
    assert (developed.shape, developed.dtype) == ((48, 64, 3), np.uint16)
    again = PIL.Image.open(folder / "b.derained.jxl")
    assert (again.size, again.getexif()[0x010F]) == ((64, 48), "Maker")


def test_a_folder_of_them_is_restored_and_resumed(restore, folder: Path, tmp_path: Path) -> None:
    done = restore("batch", folder, "--json", "--report", tmp_path / "page.html")
    assert done.code == 0, done.err
    names = sorted(path.name for path in (tmp_path / "photos-derained").iterdir() if path.is_file())
    assert names == ["a.jpg", "b.jxl", "c.tif"]
    again = restore("batch", folder, "--json", "--report", tmp_path / "page.html")
    assert {json.loads(line)["status"] for line in again.out.splitlines()} == {"skipped"}
    assert restore("batch", folder, "--format", "jxl", "-o", tmp_path / "out").code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file()) == [
        *("a.jxl", "b.jxl", "c.jxl")
    ]


@pytest.mark.parametrize("name", ["a.HEIC", "b.jxl", "c.dng"])
def test_they_are_masks_and_inputs_of_compare(restore, folder: Path, tmp_path: Path, name: str) -> None:
    done = restore("image", folder / "b.jxl", "-o", tmp_path / "out.png", "--mask", folder / name)
    assert done.code == 0, done.err
    done = restore("compare", folder / name, "-o", tmp_path / "sheet.png")
    assert done.code == 0, done.err


def test_without_the_extra_a_folder_names_it_and_restores_the_rest(
    restore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if pi-heif were not installed: the suffixes of HEIC then count as those of other kinds."""
    PIL.Image.fromarray(photo()).save(folder / "d.png")
    monkeypatch.setattr(formats, "available", lambda format: format != "HEIC")
    others = formats.OTHER_PICTURE_SUFFIXES | {".heic"}
    monkeypatch.setattr("deraincli.files.walk.PICTURE_SUFFIXES", formats.PICTURE_SUFFIXES - {".heic"})
    monkeypatch.setattr("deraincli.files.walk.OTHER_PICTURE_SUFFIXES", others)
    done = restore("batch", folder)
    assert (done.code, "HEIC needs the extra 'heif': pip install" in done.err) == (0, True)
    assert "left out: 1 (" in done.err
