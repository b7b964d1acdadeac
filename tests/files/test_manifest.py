"""What counts as done, and what may be replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deraincli.batch.jobs import Naming, find_jobs
from deraincli.errors import InputError
from deraincli.files.manifest import Manifest, stamp


@pytest.fixture
def job(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.jpg").write_bytes(b"source")
    (job,) = find_jobs([str(tmp_path / "p")], Naming()).jobs
    job.root.mkdir()
    return job


def write(job, data: bytes, settings: str = "one") -> None:
    Manifest(job.root).record(job, stamp(job.source), settings, data)
    job.destination.write_bytes(data)


def age(path: Path) -> None:
    """Makes a file older than its entry, so that its content has to tell."""
    os.utime(path, (0, 0))


def test_done_means_this_source_these_settings_and_this_result(job):
    assert not Manifest(job.root).is_done(job, "one")
    write(job, b"result")
    assert Manifest(job.root).is_done(job, "one")
    assert not Manifest(job.root).is_done(job, "other")
    job.source.write_bytes(b"another source")
    assert not Manifest(job.root).is_done(job, "one")


def test_the_content_tells_where_times_do_not(job):
    write(job, b"result")
    age(job.destination)
    assert Manifest(job.root).is_done(job, "one")
    job.destination.write_bytes(b"RESULT")
    age(job.destination)
    assert not Manifest(job.root).is_done(job, "one")


def test_only_an_untouched_result_of_the_same_source_may_be_replaced(job, tmp_path):
    write(job, b"result")
    assert Manifest(job.root).may_replace(job)
    (tmp_path / "p" / "a.png").touch()
    other = next(j for j in find_jobs([str(tmp_path / "p")], Naming(format="JPEG")).jobs if j.name == "a.png")
    assert other.destination == job.destination
    assert not Manifest(job.root).may_replace(other)
    job.destination.write_bytes(b"edited")
    assert not Manifest(job.root).may_replace(job)


def test_a_replacement_that_came_to_nothing_leaves_the_old_result_known(job):
    write(job, b"result")
    Manifest(job.root).record(job, stamp(job.source), "other", b"never written")
    assert Manifest(job.root).is_done(job, "one")
    assert Manifest(job.root).may_replace(job)


def test_an_announced_result_that_was_never_written_is_not_done(job):
    Manifest(job.root).record(job, stamp(job.source), "one", b"result")
    assert not Manifest(job.root).is_done(job, "one")


def test_an_entry_that_was_cut_off_is_ignored(job):
    write(job, b"result")
    (journal,) = (job.root / Manifest.FOLDER).iterdir()
    whole = journal.read_bytes()
    for length in range(len(whole) - 2):
        journal.write_bytes(whole[:length])
        assert not Manifest(job.root).is_done(job, "one")
    write(job, b"result")
    assert Manifest(job.root).is_done(job, "one")


def test_journals_of_several_machines_count(job):
    write(job, b"result")
    (journal,) = (job.root / Manifest.FOLDER).iterdir()
    journal.rename(journal.with_name("another-machine.jsonl"))
    assert Manifest(job.root).is_done(job, "one")


def test_results_are_not_found_as_pictures_again(job, tmp_path):
    write(job, b"result")
    for given in (tmp_path, job.root, job.destination):
        found = find_jobs([str(given)], Naming(tmp_path / "out"))
        assert job.destination not in {other.source for other in found.jobs}
        assert found.results == 1
    assert find_jobs([f"{job.root}/*.jpg"], Naming(tmp_path / "out")).results == 1
    with pytest.raises(InputError, match="No picture matches"):
        find_jobs([f"{job.root}/*.png"], Naming(tmp_path / "out"))
    job.destination.write_bytes(b"a new photo of that name")
    assert len(find_jobs([str(job.root)], Naming(tmp_path / "out")).jobs) == 1
