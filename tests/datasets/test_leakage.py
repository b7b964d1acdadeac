"""Test pictures are recognised after recompression and resizing, and others are not taken for them."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from paired import scene

from deraincli.datasets.image_pool import photo_files
from deraincli.datasets.leakage import NEAR, known_set_of, perceptual_hash, warning


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def recompressed(picture: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)


def resized(picture: np.ndarray, factor: float) -> np.ndarray:
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


PHOTOS = [getattr(skimage.data, name)() for name in ("chelsea", "coffee", "astronaut")]


@pytest.mark.parametrize("photo", PHOTOS)
def test_hashes_survive_recompression_and_resizing(photo: np.ndarray) -> None:
    original = perceptual_hash(photo)
    for copy in (recompressed(photo, 30), resized(photo, 0.5), recompressed(resized(photo, 0.7), 60)):
        assert distance(original, perceptual_hash(copy)) <= NEAR


def test_other_pictures_have_other_hashes() -> None:
    hashes = [perceptual_hash(picture) for picture in (*PHOTOS, *(scene(n) for n in range(20)))]
    for place, one in enumerate(hashes):
        assert all(distance(one, other) > NEAR for other in hashes[place + 1 :])


def test_a_brighter_picture_has_the_hash_it_had() -> None:
    """Adding light changes the mean alone, and that only the mean's own bit sees."""
    photo = PHOTOS[0] // 2
    assert distance(perceptual_hash(photo), perceptual_hash(photo + 60)) <= 1


@pytest.mark.parametrize("picture", [*PHOTOS, scene(1)])
def test_unknown_pictures_are_in_no_set(picture: np.ndarray) -> None:
    assert known_set_of(picture) is None


def test_the_table_holds_hashes_alone_and_says_that_it_is_partial() -> None:
    table = json.loads(files("deraincli.datasets").joinpath("known_test_sets.json").read_text())
    assert "partial" in table["note"]
    for hashes in table["sets"].values():
        assert all(len(digits) == 16 and int(digits, 16) >= 0 for digits in hashes)


def test_the_warning_counts_by_set() -> None:
    said = warning([(Path("a.png"), "Rain12"), (Path("b.png"), "Rain12"), (Path("c.png"), "Rain100L")])
    assert said is not None
    assert "3 pictures" in said
    assert "Rain12: 2" in said
    assert "Rain100L: 1" in said
    assert warning([]) is None


@pytest.mark.parametrize(("folder", "name"), [("valid/rain100l_20", "Rain100L"), ("test/rain12", "Rain12")])
def test_copies_of_test_pictures_are_known(shared_data: Path, folder: str, name: str) -> None:
    for file in photo_files(shared_data / folder)[::5]:
        (picture,) = file.read()
        for copy in (recompressed(picture, 40), resized(picture, 0.6)):
            assert str(known_set_of(copy)).startswith(("Rain", name))


def test_training_pictures_are_not_taken_for_test_pictures(shared_data: Path) -> None:
    for file in photo_files(shared_data / "train")[::20]:
        assert known_set_of(file.read()[0]) is None, file.path
