"""What a worker makes of results that are there already."""

from __future__ import annotations

import shutil

import numpy as np
import PIL.Image
import pytest

from deraincli.batch.jobs import Naming, find_jobs
from deraincli.batch.outcome import RestoreSettings
from deraincli.batch.worker import Worker
from deraincli.files.manifest import Manifest
from deraincli.model_zoo.resolve import resolve_model
from deraincli.restoration.load import LoadOptions, open_model


@pytest.fixture
def jobs(tmp_path):
    for seed, name in enumerate(("a.png", "b.png")):
        (tmp_path / "p").mkdir(exist_ok=True)
        noise = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        PIL.Image.fromarray(noise).save(tmp_path / "p" / name)
    return find_jobs([str(tmp_path / "p")], Naming()).jobs


@pytest.fixture(scope="module")
def settings(small_model):
    options = LoadOptions(str(small_model), device="cpu", precision="fp32", tile="off")
    return RestoreSettings(options, resolve_model(options.model))


@pytest.fixture(scope="module")
def derainer(settings):
    return open_model(settings.load, settings.model)


def test_what_another_run_finished_first_is_skipped(jobs, settings, derainer):
    ours, theirs = Worker(settings, [derainer]), Worker(settings, [derainer])
    assert ours(jobs[1]).status == "done"  # by now it has read the record
    assert theirs(jobs[0]).status == "done"
    assert ours(jobs[0]).status == "skipped"


def test_what_another_run_finishes_meanwhile_is_skipped_and_stays_known(jobs, settings, derainer):
    theirs = Worker(settings, [open_model(settings.load, settings.model)])
    ours = Worker(settings, [derainer], on_start=lambda job: theirs(job))
    assert ours(jobs[0]).status == "skipped"
    assert Manifest(jobs[0].root).is_done(jobs[0], settings.identity(jobs[0]))


def test_a_result_that_is_not_replaced_says_why(jobs, settings, derainer):
    job = jobs[0]
    assert Worker(settings, [derainer])(job).status == "done"
    job.destination.write_bytes(b"edited")
    assert "was changed since it was written" in Worker(settings, [derainer])(job).error
    shutil.rmtree(job.root / Manifest.FOLDER)
    assert "does not know it" in Worker(settings, [derainer])(job).error
    assert job.destination.read_bytes() == b"edited"


def test_a_picture_for_which_memory_runs_out_does_not_end_the_run(jobs, settings, derainer):
    too_large = Worker(settings, [derainer], on_start=lambda job: np.empty(1 << 60, np.uint8))(jobs[0])
    assert (too_large.status, too_large.fatal) == ("failed", False)
    assert f"does not suffice for '{jobs[0].source}'" in too_large.error
