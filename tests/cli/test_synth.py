"""`derain synth` from end to end: real files, exit codes, and sets that the rest of the program reads."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from paired import scene, write_picture

from deraincli.datasets.pairs import find_pairs


@pytest.fixture
def photos(tmp_path) -> Path:
    """Four photos, one of them in a sub-folder."""
    folder = tmp_path / "photos"
    for n in range(3):
        write_picture(folder / f"{n}.png", scene(n))
    PIL.Image.fromarray(scene(3)).save(write_picture(folder / "far" / "away.jpg", scene(3)), "JPEG")
    return folder


def photo_of(pair: Path, photos: Path) -> Path:
    return photos / ("far/away.jpg" if pair.stem == "far-away" else pair.name)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(PIL.Image.open(path)).astype(int)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_streaks_are_pairs_with_their_rain_layer(derain, photos, tmp_path) -> None:
    done = derain("synth", photos, "-o", tmp_path / "pairs", "--seed", 5)
    assert (done.code, done.out) == (0, b""), done.err
    found = find_pairs(tmp_path / "pairs")
    assert found.layout.name == "input-target"
    assert [pair.name for pair in found.pairs] == ["0", "1", "2", "far-away"]
    for pair in found.pairs:
        rainy, clean = pixels(pair.rainy), pixels(pair.clean)
        mask = pixels(tmp_path / "pairs" / "mask" / pair.rainy.name)
        np.testing.assert_array_equal(clean, pixels(photo_of(pair.rainy, photos)))
        np.testing.assert_array_equal(rainy, np.clip(clean + mask[..., None], 0, 255))
        assert np.any(mask)


@pytest.mark.parametrize("options", [("--kind", "drop"), ("--kind", "both", "--heavy", "--veil", "0.3")])
def test_pixels_without_rain_are_those_of_the_photo(derain, photos, tmp_path, options) -> None:
    assert derain("synth", photos, "-o", tmp_path / "pairs", *options).code == 0
    for file in (tmp_path / "pairs" / "input").iterdir():
        dry = pixels(tmp_path / "pairs" / "mask" / file.name) == 0
        np.testing.assert_array_equal(pixels(file)[dry], pixels(photo_of(file, photos))[dry])


def test_bytes_depend_on_seed_and_name_not_on_what_else_is_there(derain, photos, tmp_path) -> None:
    derain("synth", photos, "-o", tmp_path / "all", "--kind", "both", "--seed", 1)
    derain("synth", photos / "1.png", "-o", tmp_path / "alone", "--kind", "both", "--seed", 1)
    derain("synth", photos / "1.png", "-o", tmp_path / "other", "--kind", "both", "--seed", 2)
    everything, alone = contents(tmp_path / "all"), contents(tmp_path / "alone")
    assert set(alone) == {"input/1.png", "target/1.png", "mask/1.png"}
    assert alone.items() <= everything.items()
    assert not np.array_equal(pixels(tmp_path / "alone/input/1.png"), pixels(tmp_path / "other/input/1.png"))
    # A photo of the same content under another name gets other rain.
    write_picture(photos / "twin.png", scene(1))
    derain("synth", photos / "twin.png", "-o", tmp_path / "twin", "--kind", "both", "--seed", 1)
    assert not np.array_equal(pixels(tmp_path / "twin/mask/twin.png"), pixels(tmp_path / "all/mask/1.png"))


def test_several_pairs_of_a_photo_differ_in_their_rain_alone(derain, photos, tmp_path) -> None:
    derain("synth", photos / "0.png", "-o", tmp_path / "pairs", "--copies", 2)
    first, second = (pixels(tmp_path / "pairs" / "mask" / f"0-{n}.png") for n in (1, 2))
    assert not np.array_equal(first, second)
    for n in (1, 2):
        np.testing.assert_array_equal(
            pixels(tmp_path / "pairs/target" / f"0-{n}.png"), pixels(photos / "0.png")
        )


def test_a_stopped_run_goes_on_and_nothing_made_otherwise_is_replaced(derain, photos, tmp_path) -> None:
    command = ("synth", photos, "-o", tmp_path / "pairs")
    derain(*command)
    whole = contents(tmp_path / "pairs")
    kept = (tmp_path / "pairs/input/0.png").stat().st_mtime_ns
    (tmp_path / "pairs/input/1.png").unlink()  # as if stopped before a pair's last file
    (tmp_path / "pairs/mask/2.png").unlink()
    records = [json.loads(line) for line in derain(*command, "--json").out.splitlines()]
    assert sorted(record["status"] for record in records) == ["done", "done", "skipped", "skipped"]
    assert contents(tmp_path / "pairs") == whole
    assert (tmp_path / "pairs/input/0.png").stat().st_mtime_ns == kept

    refused = derain(*command, "--seed", 9)
    assert refused.code == 1
    assert "--overwrite" in refused.err
    assert contents(tmp_path / "pairs") == whole
    assert derain(*command, "--seed", 9, "--overwrite").code == 0
    replaced = contents(tmp_path / "pairs")
    assert set(replaced) == set(whole)
    assert all(replaced[name] != whole[name] for name in whole)


def test_a_pair_of_a_photo_that_has_changed_is_not_finished(derain, photos, tmp_path) -> None:
    command = ("synth", photos, "-o", tmp_path / "pairs")
    derain(*command)
    write_picture(photos / "1.png", scene(7))
    refused = derain(*command)
    assert refused.code == 1
    assert "1.png' exists and was made in another way" in refused.err
    assert derain(*command, "--overwrite").code == 0
    np.testing.assert_array_equal(pixels(tmp_path / "pairs/target/1.png"), scene(7))


def test_what_cannot_be_read_is_named_and_counted(derain, photos, tmp_path) -> None:
    whole = (photos / "0.png").read_bytes()
    (photos / "cut.png").write_bytes(whole[: len(whole) // 2])
    done = derain("synth", photos, "-o", tmp_path / "pairs", "--json")
    assert done.code == 3
    assert "cut.png" in done.err
    assert "1 of 5" in done.err
    statuses = {Path(r["source"]).name: r["status"] for r in map(json.loads, done.out.splitlines())}
    assert statuses.pop("cut.png") == "failed"
    assert statuses == dict.fromkeys(("0.png", "1.png", "2.png", "away.jpg"), "done")
    assert not any("cut" in name for name in contents(tmp_path / "pairs"))
    alone = derain("synth", photos / "cut.png", "-o", tmp_path / "none")
    assert alone.code == 1
    assert not (tmp_path / "none").exists()


def test_a_set_below_the_photos_is_not_rained_upon_again(derain, photos) -> None:
    assert derain("synth", photos, "-o", photos / "pairs").code == 0
    assert derain("synth", photos, "-o", photos / "pairs", "--seed", 2, "--overwrite").code == 0
    names = {name for name in contents(photos / "pairs") if name.startswith("input")}
    assert names == {"input/0.png", "input/1.png", "input/2.png", "input/far-away.png"}


def test_grey_and_deep_photos_become_rgb_of_8_bits(derain, tmp_path) -> None:
    grey = np.random.default_rng(0).integers(0, 2**16, (20, 30), dtype=np.uint16)
    PIL.Image.fromarray(grey).save(tmp_path / "grey.png")
    assert derain("synth", tmp_path / "grey.png", "-o", tmp_path / "pairs", "--kind", "both").code == 0
    target = pixels(tmp_path / "pairs/target/grey.png")
    np.testing.assert_allclose(target, np.repeat(grey[..., None] / 257, 3, axis=2), atol=0.51)
    assert pixels(tmp_path / "pairs/input/grey.png").shape == (20, 30, 3)


def test_a_photo_whose_name_is_not_utf8_is_taken(derain, photos, tmp_path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    (photos / "0.png").rename(photos / name)
    done = derain("synth", photos, "-o", tmp_path / "pairs")
    assert done.code == 0, done.err
    assert (tmp_path / "pairs" / "input" / name).is_file()


def test_impossible_requests_are_one_sentence(derain, photos, tmp_path) -> None:
    write_picture(photos / "0.jpg", scene(0))
    twins = derain("synth", photos, "-o", tmp_path / "pairs")
    assert twins.code == 2
    assert "0.jpg" in twins.err
    deep = photos / "far" / ("s" * 120) / ("t" * 120)
    write_picture(deep / f"{'u' * 20}.png", scene(0))
    long = derain("synth", photos / "far", "-o", tmp_path / "pairs")
    assert (long.code, "too long: rename" in long.err) == (2, True)
    assert derain("synth", photos, "-o", photos).code == 2
    assert derain("synth", tmp_path / "nowhere", "-o", tmp_path / "pairs").code == 1
    (tmp_path / "empty").mkdir()
    assert derain("synth", tmp_path / "empty", "-o", tmp_path / "pairs").code == 1
    (tmp_path / "file").write_text("in the way")
    blocked = derain("synth", photos / "1.png", "-o", tmp_path / "file")
    assert blocked.code == 1
    assert "Traceback" not in blocked.err
    assert not (tmp_path / "pairs").exists()
