"""Which pictures a request means, where their results go, and what is refused."""

from __future__ import annotations

import glob
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deraincli.batch.jobs import Naming, collisions, find_jobs, refuse_collisions
from deraincli.errors import InputError, UsageError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def results(jobs) -> dict[str, str]:
    return {job.name: job.result for job in jobs}


def test_a_folder_is_mirrored_in_natural_order(tmp_path):
    touch(tmp_path, "p/10.jpg", "p/9.JPG", "p/b/2.png", "p/b/10.webp", "p/a/x.tif", "p/notes.txt")
    jobs = find_jobs([str(tmp_path / "p")], Naming()).jobs
    assert [job.name for job in jobs] == ["9.JPG", "10.jpg", "a/x.tif", "b/2.png", "b/10.webp"]
    assert all(job.destination == tmp_path / "p-derained" / job.name for job in jobs)
    assert all(job.source == tmp_path / "p" / job.name for job in jobs)


def test_suffix_and_format_name_the_results(tmp_path):
    touch(tmp_path, "a.png", "b.jpeg", "c.JPG", "d.e.webp")
    jobs = find_jobs([str(tmp_path)], Naming(tmp_path / "out", ".dry", "JPEG")).jobs
    assert results(jobs) == {
        "a.png": "a.dry.jpg",
        "b.jpeg": "b.dry.jpeg",
        "c.JPG": "c.dry.JPG",
        "d.e.webp": "d.e.dry.jpg",
    }
    with pytest.raises(UsageError, match="suffix"):
        Naming(suffix="/x")


def test_files_and_the_current_folder_have_a_place_for_results(tmp_path, monkeypatch):
    touch(tmp_path, "p/a.jpg", "p/q/b.jpg")
    monkeypatch.chdir(tmp_path / "p")
    (alone,) = find_jobs(["a.jpg"], Naming()).jobs
    assert alone.destination == Path("a.derained.jpg")
    two = find_jobs(["q/b.jpg", str(tmp_path / "p/a.jpg")], Naming(suffix=".dry", format="PNG")).jobs
    assert [job.destination for job in two] == [Path("q/b.dry.png"), tmp_path / "p/a.dry.png"]
    assert {job.root for job in find_jobs(["."], Naming()).jobs} == {tmp_path / "p-derained"}
    with pytest.raises(UsageError, match="-o"):
        Naming().root(Path("/"))


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.jpg", ["a.jpg"]),
        ("*/*", ["x/b.jpg", "x/c.png"]),
        ("**/*.jpg", ["a.jpg", "x/b.jpg", "x/y/d.jpg"]),
        ("x/**", ["b.jpg", "c.png", "y/d.jpg"]),
        ("[xy]/c.*", ["x/c.png"]),
    ],
)
def test_globs_match_as_in_shells_and_mirror_below_their_fixed_part(tmp_path, pattern, names):
    touch(tmp_path, "a.jpg", "x/b.jpg", "x/c.png", "x/y/d.jpg", "x/notes.txt", ".hidden.jpg")
    jobs = find_jobs([str(tmp_path / pattern)], Naming(tmp_path / "out")).jobs
    assert [job.name for job in jobs] == names
    assert all(job.source.is_file() for job in jobs)


TREE = tuple(
    "/".join((*folders, f"{stem}.{kind}"))
    for folders in ((), ("a",), ("ab",), ("a", "b"), ("a", "ab", "b"))
    for stem in ("a", "b", "ba")
    for kind in ("jpg", "png")
)
PARTS = st.sampled_from(("*", "**", "a", "b", "a*", "*b", "?", "[ab]", "*.jpg", "?.png", "[!a]*", "b*.*"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PARTS, min_size=1, max_size=4).filter(lambda parts: any(map(glob.has_magic, parts))))
def test_globs_match_what_pythons_glob_matches(tmp_path, parts):
    if not (tmp_path / "a").exists():
        touch(tmp_path, *TREE)
    pattern = "/".join((str(tmp_path), *parts))
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207 (Path.glob treats ** otherwise)
    theirs = {os.path.normpath(path) for path in found if Path(path).is_file()}
    if theirs:
        ours = find_jobs([pattern], Naming(tmp_path / "out")).jobs
        assert {str(job.source) for job in ours} == theirs
    else:
        with pytest.raises(InputError, match=r"^(No|There is no) "):
            find_jobs([pattern], Naming(tmp_path / "out"))


def test_a_name_with_wildcards_in_it_is_that_file(tmp_path):
    touch(tmp_path, "[1].jpg", "1.jpg")
    (job,) = find_jobs([str(tmp_path / "[1].jpg")], Naming()).jobs
    assert job.name == "[1].jpg"


def test_hidden_files_results_and_links_out_of_the_tree_are_left_out(tmp_path):
    touch(tmp_path, "p/a.jpg", "p/.b.jpg", "p/.cache/c.jpg", "p/out/d.jpg", "elsewhere/e.jpg")
    top = tmp_path / "p"
    (top / "loop").symlink_to(top, target_is_directory=True)
    (top / "away").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (top / "away.jpg").symlink_to(tmp_path / "elsewhere" / "e.jpg")
    (top / "inside.jpg").symlink_to("a.jpg")
    (top / "circle.jpg").symlink_to("circle.jpg")
    found = find_jobs([str(top)], Naming(top / "out"))
    assert [job.name for job in found.jobs] == ["a.jpg", "circle.jpg", "inside.jpg"]
    assert found.links == 3


def test_what_derain_image_wrote_beside_its_picture_is_left_out(tmp_path):
    touch(tmp_path, "p/a.jpg", "p/a.derained.jpg", "p/b/c.png", "p/b/c.derained.webp")
    touch(tmp_path, "p/alone.derained.jpg", "p/b/a.derained.jpg", "p/.derained.jpg")
    found = find_jobs([str(tmp_path / "p")], Naming())
    assert [job.name for job in found.jobs] == ["a.jpg", "alone.derained.jpg", "b/a.derained.jpg", "b/c.png"]
    assert found.results == 2
    found = find_jobs([str(tmp_path / "p" / "*.derained.jpg")], Naming())
    assert ([job.name for job in found.jobs], found.results) == (["alone.derained.jpg"], 1)


def test_a_picture_is_taken_once(tmp_path):
    touch(tmp_path, "p/a.jpg")
    inputs = [str(tmp_path / "p" / "a.jpg"), str(tmp_path / "p"), f"{tmp_path}/p/*"]
    for order in (inputs, inputs[::-1]):
        (job,) = find_jobs(order, Naming()).jobs
        assert job.destination == tmp_path / "p-derained" / "a.jpg"


def test_what_is_not_there_is_an_error(tmp_path):
    for missing in ("missing", "missing.jpg", "missing/*.jpg"):
        with pytest.raises(InputError, match="missing"):
            find_jobs([str(tmp_path / missing)], Naming())


def test_results_that_would_be_one_file_are_refused_naming_both(tmp_path):
    touch(tmp_path, "p/a.jpg", "p/a.png", "p/b.png")
    jobs = find_jobs([str(tmp_path / "p")], Naming(tmp_path / "out", format="PNG")).jobs
    assert [job.name for job in collisions(jobs)] == ["a.png"]
    with pytest.raises(UsageError, match=r"a\.jpg.*a\.png.*would both"):
        refuse_collisions(jobs, overwrite=True)
    refuse_collisions(find_jobs([str(tmp_path / "p")], Naming(tmp_path / "out")).jobs, overwrite=False)


def test_folders_with_the_same_names_collide_in_one_output(tmp_path):
    touch(tmp_path, "p/1.jpg", "q/1.jpg")
    jobs = find_jobs([str(tmp_path / "p"), str(tmp_path / "q")], Naming(tmp_path / "out")).jobs
    with pytest.raises(UsageError, match=r"p/1\.jpg.*q/1\.jpg"):
        refuse_collisions(jobs, overwrite=False)


def test_a_result_never_replaces_another_picture_and_its_own_only_when_asked(tmp_path):
    touch(tmp_path, "a.jpg", "a.dry.jpg")
    onto_another = find_jobs([str(tmp_path)], Naming(tmp_path, suffix=".dry")).jobs
    with pytest.raises(UsageError, match=r"would replace '.*a\.dry\.jpg'"):
        refuse_collisions(onto_another, overwrite=True)
    in_place = find_jobs([str(tmp_path)], Naming(tmp_path)).jobs
    with pytest.raises(UsageError, match="--overwrite"):
        refuse_collisions(in_place, overwrite=False)
    refuse_collisions(in_place, overwrite=True)
