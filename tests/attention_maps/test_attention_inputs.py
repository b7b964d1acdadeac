"""Which pictures a request means, and what their ground truth is."""

import pytest
from paired import rain_on, scene, write_picture, write_set

from deraincli.attention_maps.inputs import find_jobs
from deraincli.errors import InputError, UsageError


def test_one_picture_with_and_without_ground_truth(tmp_path):
    rainy, clean = (write_picture(tmp_path / name, scene(0)) for name in ("rainy.png", "clean.png"))
    assert find_jobs(rainy, None, tmp_path / "out").pictures == {"rainy": rainy}
    assert find_jobs(rainy, None, tmp_path / "out").pairs == {}
    assert find_jobs(rainy, clean, tmp_path / "out").pairs["rainy"].clean == clean


def test_a_folder_of_photos_with_its_sub_folders_in_natural_order(tmp_path):
    for name in ("10.png", "9.png", "sub/1.png", "sub/9.png", ".hidden.png", ".cache/1.png", "out/1.png"):
        write_picture(tmp_path / name, scene(0))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "linked").symlink_to(tmp_path / "sub")
    jobs = find_jobs(tmp_path, None, tmp_path / "out")
    assert list(jobs.pictures) == ["9", "10", "sub/1", "sub/9"]
    assert jobs.pictures["sub/9"] == tmp_path / "sub" / "9.png"
    assert (jobs.pairs, jobs.links) == ({}, 1)


def test_results_beside_their_pictures_are_no_pictures(tmp_path):
    for name in ("a.png", "a.ram.png", "a.cam-16bit.png", "a.figure.png", "b.ram.png", "a.b.png"):
        write_picture(tmp_path / name, scene(0))
    for name in ("a.derained.jpg", "c.derained.png"):  # the second lies beside no picture of its name
        write_picture(tmp_path / name, scene(0))
    jobs = find_jobs(tmp_path, None, tmp_path)
    assert (set(jobs.pictures), jobs.results) == ({"a", "a.b", "b.ram", "c.derained"}, 4)


def test_a_paired_set_brings_its_ground_truth(tmp_path):
    jobs = find_jobs(write_set(tmp_path / "set", count=2), None, tmp_path / "out")
    assert jobs.pictures == {name: tmp_path / "set" / "input" / f"{name}.png" for name in "12"}
    assert [pair.clean.parent.name for pair in jobs.pairs.values()] == ["target", "target"]


@pytest.mark.parametrize(
    ("rainy", "clean"),
    [("{}.png", "{}.png"), ("{}_rain.png", "{}_clean.png"), ("rain-{}.png", "norain-{}.png")],
)
def test_two_folders_pair_by_the_names_of_any_layout(tmp_path, rainy, clean):
    for n in (1, 2, 3):
        write_picture(tmp_path / "wet" / rainy.format(n), rain_on(scene(n), n))
    for n in (1, 2, 4):
        write_picture(tmp_path / "dry" / clean.format(n), scene(n))
    jobs = find_jobs(tmp_path / "wet", tmp_path / "dry", tmp_path / "out")
    assert [(path.name, jobs.pairs[name].clean.name) for name, path in jobs.pictures.items()] == [
        (rainy.format(n), clean.format(n)) for n in (1, 2)
    ]
    assert {path.name for path in jobs.unpaired} == {rainy.format(3), clean.format(4)}


def test_what_cannot_be_found_or_told_apart_is_refused(tmp_path):
    photo = write_picture(tmp_path / "photos" / "a.png", scene(0))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no file '.*missing"):
        find_jobs(tmp_path / "missing", None, tmp_path / "out")
    with pytest.raises(InputError, match=r"no file '.*gone\.png'"):
        find_jobs(photo, tmp_path / "gone.png", tmp_path / "out")
    with pytest.raises(InputError, match="no pictures in"):
        find_jobs(tmp_path / "empty", None, tmp_path / "out")
    with pytest.raises(InputError, match=r"is a picture and .*empty' is a folder"):
        find_jobs(photo, tmp_path / "empty", tmp_path / "out")
    with pytest.raises(InputError, match="has a partner"):
        find_jobs(photo.parent, tmp_path / "empty", tmp_path / "out")
    photo.with_suffix(".jpg").write_bytes(photo.read_bytes())
    with pytest.raises(UsageError, match=r"a\.(jpg|png)"):
        find_jobs(photo.parent, None, tmp_path / "out")
