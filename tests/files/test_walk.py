"""Which pictures of a folder are found, whoever looks for them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from closed import permissions_bind
from hypothesis import given, settings
from hypothesis import strategies as st

from deraincli.attention_maps import inputs
from deraincli.batch import jobs
from deraincli.datasets.image_pool import photo_files
from deraincli.datasets.synthetic import plan
from deraincli.errors import InputError
from deraincli.files.walk import pictures, walk

FOLDERS = st.sampled_from(["a", "B", "9", "10", ".hidden", "album.jpg", "é"])
FILES = st.sampled_from(["1.png", "2.JPG", "10.webp", "z.tif", ".3.png", ".png", "notes.txt", "film.mp4"])
PATHS = st.builds(lambda folders, name: Path(*folders, name), st.lists(FOLDERS, max_size=3), FILES)
TREES = st.sets(PATHS, max_size=12)

PICTURES = {"1.png", "2.JPG", "10.webp", "z.tif"}


def plant(top: Path, files: set[Path]) -> None:
    for file in files:
        (top / file.parent).mkdir(parents=True, exist_ok=True)
        (top / file).touch()


def wanted(files: set[Path]) -> set[str]:
    """The answer, straight from the rule: a picture's name, and nothing hidden on the way to it."""
    return {
        file.as_posix()
        for file in files
        if file.name in PICTURES and not any(part.startswith(".") for part in file.parts)
    }


@settings(deadline=None, max_examples=40)
@given(TREES)
def test_every_command_finds_the_same_pictures(files):
    with tempfile.TemporaryDirectory() as folder:
        top, out = Path(folder, "photos"), Path(folder, "out")
        top.mkdir()
        plant(top, files)
        expected = wanted(files)
        assert set(walk(top).names) == expected
        assert {job.name for job in jobs.find_jobs([str(top)], jobs.Naming(out)).jobs} == expected
        assert {photo.path.relative_to(top).as_posix() for photo in photo_files(top)} == expected
        if expected:
            found = inputs.find_jobs(top, None, out).pictures.values()
            assert {path.relative_to(top).as_posix() for path in found} == expected
            assert {pair.name for pair in plan(top, out, 1).pairs} == expected
        else:
            for find in (lambda: inputs.find_jobs(top, None, out), lambda: plan(top, out, 1)):
                with pytest.raises(InputError, match="There are no p"):
                    find()


@settings(deadline=None, max_examples=40)
@given(TREES)
def test_a_folder_alone_has_the_pictures_that_lie_directly_in_it(files):
    with tempfile.TemporaryDirectory() as folder:
        plant(Path(folder), files)
        expected = {name for name in wanted(files) if "/" not in name}
        assert {path.name for path in pictures(Path(folder))} == expected
        assert pictures(Path(folder, "missing")) == []


@settings(deadline=None, max_examples=40)
@given(TREES)
def test_the_order_is_natural_and_a_folder_comes_before_its_sub_folders(files):
    with tempfile.TemporaryDirectory() as folder:
        plant(Path(folder), files)
        names = walk(Path(folder)).names
        assert len(names) == len(set(names))
        places = [str(Path(name).parent) for name in names]
        for place in set(places):
            here = [Path(name).name for name in names if str(Path(name).parent) == place]
            assert here == [name for name in ("1.png", "2.JPG", "10.webp", "z.tif") if name in here]
            outer = [other for other in set(places) if Path(place).is_relative_to(other)]
            assert all(places.index(other) <= places.index(place) for other in outer)


def test_links_are_not_followed_and_never_run_in_circles(tmp_path):
    plant(tmp_path, {Path("p/a.png"), Path("p/sub/b.png"), Path("elsewhere/c.png")})
    top = tmp_path / "p"
    (top / "up").symlink_to(tmp_path)
    (top / "sub" / "round").symlink_to("../sub")
    (top / "self.png").symlink_to("self.png")
    (top / "gone.png").symlink_to("nowhere.png")
    (top / "inside.png").symlink_to("sub/b.png")
    (top / "outside.png").symlink_to("../elsewhere/c.png")
    (top / "folder.png").symlink_to("sub")
    found = walk(top)
    assert found.names == ["a.png", "gone.png", "inside.png", "self.png", "sub/b.png"]
    assert found.outside == ["outside.png"]
    assert found.folder_links == 3
    assert found.folders == ["folder.png", "sub", "up", "sub/round"]


def test_a_folder_apart_is_left_out_under_any_name(tmp_path, monkeypatch):
    plant(tmp_path, {Path("p/a.png"), Path("p/out/b.png"), Path("p/sub/out/c.png")})
    (tmp_path / "alias").symlink_to("p/out")
    monkeypatch.chdir(tmp_path)
    for apart in (tmp_path / "p" / "out", Path("p/sub/../out"), Path("alias")):
        assert walk(Path("p"), apart=apart).names == ["a.png", "sub/out/c.png"]


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """Photos beside a sub-folder that cannot be listed and one whose files cannot be reached."""
    top = tmp_path / "photos"
    files = ("1.png", "locked/2.png", "sub/3.png", "sub/locked/4.png", "r/5.png")
    plant(top, set(map(Path, files)))
    (top / "r" / "6.png").symlink_to("5.png")
    for name, mode in (("locked", 0), ("sub/locked", 0), ("r", 0o444)):
        (top / name).chmod(mode)
    with permissions_bind():
        yield top
    for name in ("locked", "sub/locked", "r"):
        (top / name).chmod(0o755)


def test_a_folder_that_cannot_be_listed_costs_only_itself(closed):
    found = walk(closed)
    assert found.names == ["1.png", "r/5.png", "r/6.png", "sub/3.png"]
    assert set(found.unlisted) == {"locked", "sub/locked"}
    for name, error in found.unlisted.items():
        assert str(error) == f"The folder '{closed / name}' cannot be listed: Permission denied."
    for refused in (walk, pictures):
        with pytest.raises(InputError, match=f"'{closed / 'locked'}' cannot be listed"):
            refused(closed / "locked")


def test_a_glob_names_only_the_closed_folders_that_it_reaches_into(closed):
    def unlisted(pattern: str) -> set[str]:
        found = jobs.find_jobs([f"{closed}/{pattern}"], jobs.Naming(closed.parent / "out"))
        return {os.path.relpath(folder, closed) for folder in found.unlisted}

    assert unlisted("*.png") == set()
    assert unlisted("*/*.png") == {"locked"}
    assert unlisted("**/*.png") == {"locked", "sub/locked"}
    with pytest.raises(InputError, match=r"sub/locked' cannot be listed"):
        unlisted("sub/*/*.png")
