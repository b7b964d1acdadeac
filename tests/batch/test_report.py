"""The page of a batch: what it lists and shows of many pictures."""

from __future__ import annotations

import json
import re

import numpy as np
import PIL.Image
import pytest

from deraincli.batch import report as batch_report
from deraincli.batch.jobs import Naming, find_jobs
from deraincli.batch.outcome import Outcome, RestoreSettings
from deraincli.batch.report import BatchReport
from deraincli.batch.summary import BatchSummary
from deraincli.inference.change import Change
from deraincli.model_zoo.resolve import resolve_model
from deraincli.restoration.load import LoadOptions


@pytest.fixture
def jobs(tmp_path):
    """Twelve pictures that differ from each other, and results that differ from them."""
    for number in range(12):
        for folder, level in (("p", 10 * number), ("p-derained", 10 * number + 100)):
            (tmp_path / folder).mkdir(exist_ok=True)
            pixels = np.full((200, 300, 3), level, np.uint8)
            PIL.Image.fromarray(pixels).save(tmp_path / folder / f"{number}.jpg")
    return find_jobs([str(tmp_path / "p")], Naming()).jobs


def content(jobs, tmp_path) -> dict:
    summary = BatchSummary()
    for job in reversed(jobs):
        summary.add(
            Outcome(job, "done", width=300, height=200, seconds=1.0, model="m", change=Change(0.1, 0.5))
        )
    page = BatchReport(tmp_path / "page.html", ("p",), RestoreSettings(LoadOptions(), resolve_model(None)))
    page.write(summary, len(jobs))
    text = (tmp_path / "page.html").read_text()
    (data,) = re.findall(r'<script type="application/json" id="report">(.*?)</script>', text)
    return json.loads(data)


def test_every_picture_is_listed_by_name_with_thumbnails(jobs, tmp_path, monkeypatch):
    monkeypatch.setattr(batch_report, "FULL_SIZE", 3)
    page = content(jobs, tmp_path)
    pictures = page["comparisons"]
    assert [picture["name"] for picture in pictures] == [f"{number}.jpg" for number in range(12)]
    assert [picture["small"] for picture in pictures].count(False) == 3
    assert all(set(picture["views"]) == {"before", "after"} for picture in pictures)
    assert all(len(picture["icons"]) == (0 if picture["small"] else 2) for picture in pictures)
    assert "12 of 12 pictures changed, 0 hardly" in page["facts"]


def test_beyond_a_number_pictures_are_listed_without_thumbnails_and_the_page_says_so(
    jobs, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch_report, "THUMBNAILS", 4)
    page = content(jobs, tmp_path)
    shown = [number for number, picture in enumerate(page["comparisons"]) if picture["views"]]
    assert (len(page["comparisons"]), shown) == (12, [0, 3, 6, 9])
    assert "4 of 12 pictures are shown" in page["facts"]


def test_the_list_is_bounded_and_the_page_says_so(jobs, tmp_path, monkeypatch):
    monkeypatch.setattr(batch_report, "LISTED", 5)
    page = content(jobs, tmp_path)
    assert len(page["comparisons"]) == 5
    assert "5 of 12 pictures are listed" in page["facts"]


def test_a_picture_that_is_gone_or_damaged_by_now_keeps_its_row(jobs, tmp_path):
    jobs[0].source.unlink()
    jobs[1].destination.write_bytes(jobs[1].destination.read_bytes()[:100])
    pictures = content(jobs, tmp_path)["comparisons"]
    assert [bool(picture["views"]) for picture in pictures] == [False, False, *[True] * 10]
