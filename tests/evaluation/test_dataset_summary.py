"""What `inspect` finds against what was written to disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from paired import rain_on, scene, write_picture, write_set
from skimage.metrics import peak_signal_noise_ratio

from deraincli.datasets import leakage
from deraincli.datasets.image_pool import clean_photos
from deraincli.datasets.leakage import perceptual_hash
from deraincli.datasets.pairs import find_pairs, fingerprint
from deraincli.errors import InputError
from deraincli.evaluation.dataset_summary import inspect


def test_a_paired_set_is_described(tmp_path: Path) -> None:
    write_set(tmp_path, count=3)
    large = scene(7, 60, 80)
    write_picture(tmp_path / "target/7.png", large)
    write_picture(tmp_path / "input/7.png", rain_on(large, 7))
    write_picture(tmp_path / "input/alone.png", large)

    found = inspect(tmp_path)

    assert found.layout == "input-target"
    assert found.count == 4
    assert found.sizes == {"64×48": 3, "80×60": 1}
    assert found.fingerprint == fingerprint(find_pairs(tmp_path).pairs)
    assert found.unpaired == (tmp_path / "input/alone.png",)
    assert found.skipped == found.known == ()
    scenes = [*(scene(n) for n in (1, 2, 3)), large]
    expected = [peak_signal_noise_ratio(s, rain_on(s, n)) for s, n in zip(scenes, (1, 2, 3, 7), strict=True)]
    assert found.input_psnr["rgb"] == pytest.approx(np.mean(expected))
    assert set(found.input_psnr) == {"rgb", "prenet"}


def test_equal_pictures_count_as_100_db(tmp_path: Path) -> None:
    for side in ("input", "target"):
        write_picture(tmp_path / side / "1.png", scene(1))
    assert inspect(tmp_path).input_psnr == {"rgb": 100, "prenet": 100}


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    write_set(tmp_path)
    (tmp_path / "input/2.png").write_bytes(b"nothing")
    write_picture(tmp_path / "target/3.png", scene(3, 20, 20))
    found = inspect(tmp_path)
    assert found.count == 2
    assert "input/2.png" in found.skipped[0]
    assert "same size" in found.skipped[1]


def test_photos_without_partners_are_described(tmp_path: Path) -> None:
    for n in range(3):
        write_picture(tmp_path / f"holiday/{n}.png", scene(n))
    found = inspect(tmp_path)
    assert (found.layout, found.count, found.sizes, found.input_psnr) == (None, 3, {"64×48": 3}, {})


def test_a_folder_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        inspect(tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        inspect(tmp_path / "nowhere")


def know(monkeypatch: pytest.MonkeyPatch, picture: np.ndarray) -> None:
    """Makes a picture one of a test set."""
    bits = leakage._bits(perceptual_hash(picture))
    monkeypatch.setattr(leakage, "_table", lambda: (["Cats (test)"], bits[None]))


def test_test_pictures_are_noticed_and_told(tmp_path: Path, derain, monkeypatch) -> None:
    cat = skimage.data.chelsea()
    know(monkeypatch, cat)
    write_set(tmp_path)
    write_picture(tmp_path / "target/cat.png", cat)
    write_picture(tmp_path / "input/cat.png", rain_on(cat, 1))
    assert inspect(tmp_path).known == ((tmp_path / "input/cat.png", "Cats (test)"),)
    told = derain("data", "inspect", tmp_path)
    assert told.code == 0
    assert b"input-target" in told.out
    assert "Cats (test): 1" in told.err
    assert "partial" in told.err


def test_json_is_one_object_and_nothing_else(tmp_path: Path, derain) -> None:
    import json

    write_set(tmp_path, count=3)
    write_picture(tmp_path / "input/alone.png", scene(9))
    said = json.loads(derain("data", "inspect", tmp_path, "--json").out)
    assert said["layout"] == "input-target"
    assert said["count"] == 3
    assert said["sizes"] == {"64×48": 3}
    assert said["unpaired"] == [str(tmp_path / "input/alone.png")]
    assert said["known_test_pictures"] == []
    assert len(said["fingerprint"]) == 16


def test_mistakes_have_the_usual_exit_codes(tmp_path: Path, derain) -> None:
    assert derain("data", "inspect", tmp_path / "nowhere").code == 1
    assert derain("data", "inspect", tmp_path, "--layout", "rain13k").code == 2


def test_pairs_that_do_not_pair_are_no_clean_photos(tmp_path: Path, derain) -> None:
    for clean in ("target", "GT"):
        folder = tmp_path / clean
        write_picture(folder / "input/a.png", scene(0))
        write_picture(folder / clean / "b.png", scene(1))
        told = derain("data", "inspect", folder)
        assert told.code == 1
        assert "pair by name" in told.err
        with pytest.raises(InputError, match="not clean photos alone"):
            clean_photos(folder)
        assert len(clean_photos(folder / clean)) == 1
        write_picture(tmp_path / "photo.png", scene(2))
        with pytest.raises(InputError, match="not clean photos alone"):
            clean_photos(tmp_path)


def test_a_folder_without_pictures_is_called_so(tmp_path: Path, derain) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")
    told = derain("data", "inspect", tmp_path)
    assert told.code == 1
    assert "no pictures" in told.err


def test_what_cannot_be_used_shows_in_the_exit_code(tmp_path: Path, derain) -> None:
    write_set(tmp_path)
    assert derain("data", "inspect", tmp_path).code == 0
    (tmp_path / "input/2.png").write_bytes(b"nothing")
    assert derain("data", "inspect", tmp_path).code == 3
    lone = tmp_path / "lone"
    lone.mkdir()
    (lone / "photo.png").write_bytes(b"nothing")
    assert derain("data", "inspect", lone).code == 1
