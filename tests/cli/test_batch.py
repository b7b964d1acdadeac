"""`derain batch` from end to end: real files, a real network, real signals."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from closed import permissions_bind

from deraincli.model_zoo.exports import cached_export
from deraincli.model_zoo.resolve import resolve_model
from deraincli.restoration import identity

NAMES = ("a.jpg", "b.png", "sub/a.jpg", "sub/deep/c.webp")


def write_photo(path: Path, seed: int = 0, size: tuple[int, int] = (30, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    PIL.Image.fromarray(coarse).resize(size, PIL.Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture(autouse=True)
def whole_pictures(derain, monkeypatch) -> None:
    """Measuring how large tiles may be takes longer than these pictures do."""
    monkeypatch.setenv("DERAIN_TILE", "off")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for seed, name in enumerate(NAMES):
        write_photo(tmp_path / "photos" / name, seed)
    return tmp_path / "photos"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the manifest, hidden ones too."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".derain-batch" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def records(output: bytes) -> dict[str, dict]:
    """The JSON lines by the source's name."""
    lines = [json.loads(line) for line in output.splitlines()]
    return {Path(line["source"]).name: line for line in lines}


def statuses(output: bytes) -> list[str]:
    return sorted(json.loads(line)["status"] for line in output.splitlines())


def start(*arguments: object, **options) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "deraincli", "batch", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, env=environment, **pipes, **options)


def test_a_folder_is_mirrored_as_derain_image_would_restore_it(derain, photos, random_model, tmp_path):
    before = contents(photos)
    done = derain("batch", photos, "-m", random_model)
    assert done.code == 0, done.err
    assert re.search(r"│ +4 │ +0 │ +0 │ +0 │ +0\.00 │ +\d+\.\d\d │", done.out.decode())
    assert contents(photos) == before
    results = contents(tmp_path / "photos-derained")
    assert sorted(results) == sorted(NAMES)
    for name in NAMES[:2]:
        alone = tmp_path / f"alone{Path(name).suffix}"
        assert derain("image", photos / name, "-o", alone, "-m", random_model, "--overwrite").code == 0
        assert results[name] == alone.read_bytes()


def test_a_picture_that_is_named_itself_is_restored_beside_itself(derain, photos, random_model, tmp_path):
    before = contents(tmp_path)
    done = derain("batch", photos / "a.jpg", photos / "sub" / "a.jpg", "-m", random_model)
    assert done.code == 0, done.err
    new = {name for name in contents(tmp_path) if name not in before and not name.startswith("cache/")}
    assert new == {"photos/a.derained.jpg", "photos/sub/a.derained.jpg"}
    shell_again = sorted(photos.glob("*.jpg"))
    again = derain("batch", *shell_again, "-m", random_model, "--json")
    assert (again.code, statuses(again.out)) == (0, ["skipped"])
    assert derain("batch", photos, "-m", random_model).code == 0
    assert sorted(contents(tmp_path / "photos-derained")) == sorted(NAMES)


def test_json_has_a_line_for_every_picture(derain, photos, random_model):
    (photos / "broken.jpg").write_bytes((photos / "a.jpg").read_bytes()[:300])
    done = derain("batch", photos, "-m", random_model, "--json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert (done.code, len(lines)) == (3, 5)
    keys = "source output status error width height seconds model device precision tile"
    keys += " working_sides strength mask protect ensemble rain"
    assert all(set(line) == {*keys.split(), "mean_change", "changed_share"} for line in lines)
    by_status = {line["status"]: line for line in lines}
    assert by_status["failed"]["source"] == str(photos / "broken.jpg")
    assert by_status["failed"]["error"] in done.err
    assert (by_status["done"]["width"], by_status["done"]["height"]) == (30, 20)
    assert (by_status["done"]["model"], by_status["done"]["error"]) == ("random", None)


def test_what_is_done_is_skipped_until_something_changes(derain, photos, random_model, tmp_path):
    def run(*more: object) -> list[str]:
        done = derain("batch", photos, "-m", random_model, "--json", *more)
        assert done.code == 0, done.err
        return statuses(done.out)

    assert run() == ["done"] * 4
    first = contents(tmp_path / "photos-derained")
    assert run() == ["skipped"] * 4
    write_photo(photos / "a.jpg", seed=9)
    (tmp_path / "photos-derained" / "b.png").unlink()
    assert run() == ["done"] * 2 + ["skipped"] * 2
    assert run("--quality", 50) == ["done"] * 4
    assert run("--overwrite") == ["done"] * 4
    again = contents(tmp_path / "photos-derained")
    assert {name for name in first if first[name] != again[name]} == {"a.jpg"}


def test_another_backend_or_version_of_results_restores_anew(
    derain, photos, small_model, small_export, monkeypatch
):
    (file,) = resolve_model(str(small_model)).files
    export = cached_export(file, "fp32")  # where --backend onnxruntime looks
    export.parent.mkdir(parents=True)
    shutil.copy(small_export, export)

    def run(*more: object) -> list[str]:
        done = derain("batch", photos, "-m", small_model, "--json", *more)
        assert done.code == 0, done.err
        return statuses(done.out)

    assert run() == ["done"] * 4
    assert run("--backend", "onnxruntime") == ["done"] * 4
    assert run("--backend", "onnxruntime") == ["skipped"] * 4
    monkeypatch.setattr(identity, "RESULTS_VERSION", identity.RESULTS_VERSION + 1)
    assert run("--backend", "onnxruntime") == ["done"] * 4


def test_notes_name_their_photo(derain, random_model, tmp_path):
    """If many photos have the same note, --verbose alone names all of them."""
    names = [str(tmp_path / "photos" / f"{number}.png") for number in range(7)]
    (tmp_path / "photos").mkdir()
    for name in names:
        cv2.imwrite(name, np.full((20, 30, 3), 1000, np.uint16))
    write_photo(tmp_path / "photos" / "plain.png")
    what = "16 bits per channel were rounded to the 8 that are written to JPEG."

    def said(*options: str) -> set[str]:
        done = derain("batch", tmp_path / "photos", "-m", random_model, "--format", "jpg", *options)
        assert done.code == 0, done.err
        return {line for line in done.err.splitlines() if what in line}

    few = said()
    all_names = {f"Note: {name}: {what}" for name in names}
    assert few - all_names == {f"Note: 2 more (--verbose names them): {what}"}
    assert len(few & all_names) == 5
    assert said("--overwrite", "--verbose") == all_names
    assert said("--overwrite", "--quiet") == set()


def test_verbose_reports_each_photo_as_image_does(derain, random_model, tmp_path):
    photo = write_photo(tmp_path / "photo.png")
    runs = [
        derain(command, photo, "-m", random_model, "--overwrite", *more)
        for command, *more in (("image",), ("batch", "--verbose"))
    ]
    lines = [line for done in runs for line in done.err.splitlines() if " of the pixels changed " in line]
    image, batch = (re.sub(r"[\d.]+ s, ", "", line) for line in lines)
    assert batch == image


def test_nothing_to_do_is_said(derain, photos, random_model, tmp_path):
    (tmp_path / "empty").mkdir()
    done = derain("batch", tmp_path / "empty", "-m", random_model)
    assert (done.code, done.out) == (0, b"")
    assert "nothing to do" in done.err
    assert derain("batch", photos, "-m", random_model).code == 0
    assert "Nothing to do" in derain("batch", photos, "-m", random_model).err
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [
        *("empty", "photos", "photos-derained")
    ]


def test_files_of_other_kinds_are_counted_and_named(derain, photos, random_model, tmp_path):
    phone = tmp_path / "phone"
    for name in ("1.GIF", "sub/2.psd", "clip.mp4", "notes.txt", ".hidden.gif"):
        (phone / name).parent.mkdir(parents=True, exist_ok=True)
        (phone / name).write_bytes(b"content")
    done = derain("batch", phone, "-m", random_model)
    assert done.code == 3
    assert "left out: 3 (" in done.err
    assert all(f"'{phone / name}'" in done.err for name in ("1.GIF", "sub/2.psd", "clip.mp4"))
    assert "derain video" in done.err
    matched = derain("batch", phone / "*.GIF", "-m", random_model)
    assert (matched.code, "left out: 1 (" in matched.err) == (3, True)
    (photos / "x.gif").write_bytes(b"content")
    mixed = derain("batch", photos, "-m", random_model)
    assert (mixed.code, f"left out: 1 ('{photos / 'x.gif'}'); convert" in mixed.err) == (0, True)


def test_a_video_named_itself_is_answered_with_the_right_command(derain, random_model, tmp_path):
    (tmp_path / "in.mp4").write_bytes(b"\0\0\0\x18ftypisom")
    done = derain("batch", tmp_path / "in.mp4", "-m", random_model)
    assert (done.code, "is a video: restore it by `derain video`" in done.err) == (3, True)


def test_bad_files_cost_themselves_only(derain, photos, random_model, tmp_path):
    (photos / "empty.png").touch()
    (photos / "text.jpg").write_text("no picture")
    os.mkfifo(photos / "pipe.jpg")
    (photos / "gone.jpg").symlink_to("nowhere.jpg")
    (photos / "folder.jpg").mkdir()
    done = derain("batch", photos, "/dev/null", "-m", random_model, "--json", "-o", tmp_path / "out")
    assert done.code == 3
    assert "Traceback" not in done.err
    assert "link to a file that is gone" in records(done.out)["gone.jpg"]["error"]
    assert "not a regular file" in records(done.out)["pipe.jpg"]["error"]
    assert "'-'" not in records(done.out)["pipe.jpg"]["error"]
    failed = {name for name, record in records(done.out).items() if record["status"] == "failed"}
    assert failed == {"empty.png", "text.jpg", "pipe.jpg", "gone.jpg", "null"}
    assert sorted(contents(tmp_path / "out")) == sorted(NAMES)


def test_names_of_any_bytes_and_any_length(derain, tmp_path, random_model):
    folder = tmp_path / "photos"
    long = "l" * 251 + ".png"
    for name in (os.fsdecode(b"caf\xe9.png"), long, "новый дождь.png", "- [x] <b>.png"):
        write_photo(tmp_path / "plain.png").rename(folder.mkdir(exist_ok=True) or folder / name)
    done = derain("batch", folder, "-m", random_model, "--json", "--report", tmp_path / "report.html")
    assert done.code == 0, done.err
    assert {os.fsencode(p.name) for p in (tmp_path / "photos-derained").glob("*.png")} == {
        os.fsencode(p.name) for p in folder.iterdir()
    }
    assert os.fsencode(min(records(done.out.replace(b"photos/caf", b"photos/ caf")))) == b" caf\xe9.png"
    too_long = derain("batch", folder, "-m", random_model, "--json", "--suffix", ".dry")
    assert too_long.code == 3
    assert records(too_long.out)[long]["status"] == "failed"
    assert len(list((tmp_path / "photos-derained").glob("*.dry.png"))) == 3


def test_colliding_results_are_refused_before_any_work(derain, photos, random_model, tmp_path):
    write_photo(photos / "b.jpg")
    done = derain("batch", photos, "-m", random_model, "--format", "png")
    assert (done.code, done.out, done.err.count("\n")) == (2, b"", 1)
    assert str(photos / "b.jpg") in done.err
    assert str(photos / "b.png") in done.err
    assert not (tmp_path / "photos-derained").exists()


def test_files_of_others_are_not_replaced_unasked(derain, photos, random_model, tmp_path):
    mine = tmp_path / "photos-derained" / "b.png"
    mine.parent.mkdir()
    mine.write_text("mine")
    refused = derain("batch", photos, "-m", random_model, "--json")
    assert refused.code == 3
    assert records(refused.out)["b.png"]["status"] == "failed"
    assert "--overwrite" in records(refused.out)["b.png"]["error"]
    assert mine.read_text() == "mine"
    assert derain("batch", photos, "-m", random_model, "--overwrite").code == 0
    assert mine.read_bytes() != b"mine"


def test_a_lost_record_is_told(derain, photos, random_model, tmp_path):
    assert derain("batch", photos, "-m", random_model).code == 0
    (record,) = (tmp_path / "photos-derained" / ".derain-batch").iterdir()
    record.write_bytes(b"\0" * 100)
    again = derain("batch", photos, "-m", random_model)
    assert again.code == 3
    assert again.err.count("does not know it: move it away") == 4
    assert re.search(r"^Failed: 4 *$", again.out.decode(), re.MULTILINE)


def test_the_specialist_that_a_picture_needed_is_named(derain, photos):
    done = derain("batch", photos, "--json")
    assert done.code == 0, done.err
    assert {line["model"] for line in records(done.out).values()} <= {
        "balnet-lite-streak",
        "balnet-lite-drop",
    }
    assert statuses(derain("batch", photos, "--json").out) == ["skipped"] * 4


def test_leftovers_of_a_killed_run_are_removed(derain, photos, random_model, tmp_path):
    leftover = tmp_path / "photos-derained" / "sub" / ".0123456789abcdef.derain"
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    os.utime(leftover, (0, 0))
    assert derain("batch", photos, "-m", random_model).code == 0
    assert not leftover.exists()


def test_in_place_needs_overwrite_and_never_restores_twice(derain, photos, random_model):
    options = ("batch", photos, "-o", photos, "-m", random_model)
    assert derain(*options).code == 2
    assert derain(*options, "--overwrite").code == 0
    once = contents(photos)
    again = derain(*options, "--overwrite")
    assert again.code == 0
    assert "nothing to do" in again.err
    assert contents(photos) == once


def test_shards_together_are_the_whole(derain, photos, random_model, tmp_path):
    assert derain("batch", photos, "-m", random_model, "-o", tmp_path / "whole").code == 0
    for n in (1, 2):
        shard = ("--shard", f"{n}/2", "-o", tmp_path / "parts")
        done = derain("batch", photos, "-m", random_model, "--json", *shard)
        assert done.code == 0
        assert set(statuses(done.out)) <= {"done"}
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_two_devices_and_any_number_of_pictures_in_work_give_the_same(derain, photos, random_model, tmp_path):
    options = ("batch", photos, "-m", random_model, "--precision", "fp32")
    assert derain(*options, "-o", tmp_path / "one", "--jobs", 1, "--device", "cpu").code == 0
    two = derain(*options, "-o", tmp_path / "two", "--jobs", 5, "--device", "cpu,cpu")
    assert two.code == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_fail_fast_stops(derain, photos, random_model):
    (photos / "0.jpg").write_text("no picture")
    done = derain("batch", photos, "-m", random_model, "--json", "--fail-fast", "--jobs", 1)
    assert (done.code, statuses(done.out)) == (3, ["failed"])


def test_the_change_of_every_picture_is_reported_and_survives_a_restart(derain, photos, tmp_path):
    report = tmp_path / "page.html"
    options = ("batch", photos, "--task", "streak", "--report", report)
    first = derain(*options)
    assert first.code == 0, first.err
    counted = re.search(
        r"Changed (\d) of 4 photos(?:; (\d) hardly changed\. .*try --model balnet-small.*)?", first.err
    )
    assert counted
    assert "--working-side" not in counted[0]  # it changes nothing in pictures of 30 pixels
    resumed = derain(*options)
    assert counted[0] in resumed.err
    lines = [
        json.loads(line) for line in derain("batch", photos, "--task", "streak", "--json").out.splitlines()
    ]
    little = 0
    for line in lines:
        assert (line["status"], line["model"], line["width"]) == ("skipped", "balnet-lite-streak", 30)
        if line["output"].endswith(".png"):  # without loss
            before, after = (
                np.asarray(PIL.Image.open(line[key])).astype(int) for key in ("source", "output")
            )
            difference = np.abs(after - before)
            assert line["mean_change"] == pytest.approx(difference.mean() / 255, abs=1e-6)
            assert line["changed_share"] == pytest.approx((difference.max(2) > 10).mean(), abs=1e-6)
        little += line["changed_share"] < 0.03
    assert counted[2] == (str(little) if little else None)
    facts = embedded(report)["facts"]
    assert f"{4 - little} of 4 pictures changed, {little} hardly" in facts
    assert "all of them were done already" in facts


def test_the_report_may_lie_in_the_folder_of_the_results(derain, photos, random_model, tmp_path):
    out = tmp_path / "new" / "out"
    arguments = ("batch", photos, "-m", random_model, "-o", out, "--report", out / "page.html")
    for _ in range(2):  # it is neither in the way of the results nor one of them
        done = derain(*arguments)
        assert done.code == derain("batch", photos, "-m", random_model, "-o", tmp_path / "other").code
        assert (out / "page.html").is_file()


def test_the_report_shows_failures_first_and_pictures(derain, photos, random_model, tmp_path):
    (photos / "<b>broken.jpg").write_text("no picture")
    report = tmp_path / "report.html"
    done = derain("batch", photos, "-m", random_model, "--report", report, "-q")
    assert (done.code, done.out) == (3, b"")
    content = embedded(report)
    assert content["title"] == str(photos)
    assert "model random" in content["facts"]
    assert any(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", fact) for fact in content["facts"])
    assert [table["caption"] for table in content["tables"]] == ["Failed", "In all", "Models"]
    assert content["tables"][2]["rows"] == [["random", "4"]]
    assert content["tables"][0]["rows"][0][0] == str(photos / "<b>broken.jpg")
    assert sorted(picture["name"] for picture in content["comparisons"]) == sorted(NAMES)
    assert all(set(picture["views"]) == {"before", "after"} for picture in content["comparisons"])
    (photos / "<b>broken.jpg").unlink()
    assert derain("batch", photos, "-m", random_model, "--report", report).code == 0
    assert "all of them were done already" in report.read_text()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ((), set()),
        (("--ensemble",), {"ensemble"}),
        (("--precision", "fp32", "--working-side", "full"), {"precision fp32", "working_side full"}),
    ],
)
def test_the_report_names_the_settings_that_differ_from_the_usual(
    derain, photos, random_model, tmp_path, monkeypatch, options, named
):
    monkeypatch.delenv("DERAIN_TILE")
    report = tmp_path / "report.html"
    assert derain("batch", photos / "a.jpg", "-m", random_model, "--report", report, *options).code == 0
    assert {fact for fact in embedded(report)["facts"] if fact.split()[0] in identity.SETTINGS} == named


@pytest.mark.parametrize(
    "other",
    [
        b"my notes",
        b"",
        b"\xff\xfe\x00",
        b'<script type="application/json" id="report">{"facts": ["derain batch"</script>',
        b'<script type="application/json" id="report">{"facts": ["derain eval"]}</script>',
        b'<script type="application/json" id="report">["derain batch"]</script>',
    ],
)
def test_a_page_of_another_kind_is_not_replaced_unasked(derain, photos, random_model, tmp_path, other):
    report = tmp_path / "report.html"
    report.write_bytes(other)
    done = derain("batch", photos, "-m", random_model, "--report", report)
    assert (done.code, done.out, "exists" in done.err) == (1, b"", True)
    assert report.read_bytes() == other
    assert not (tmp_path / "photos-derained").exists()


def test_another_commands_page_is_not_replaced_unasked(derain, photos, random_model, tmp_path):
    report = tmp_path / "report.html"
    assert derain("compare", photos / "a.jpg", "-m", random_model, "-o", report).code == 0
    before = report.read_bytes()
    assert derain("batch", photos, "-m", random_model, "--report", report).code == 1
    assert report.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("missing",), 1, "missing"),
        (("*/nothing-*.jpg",), 1, "No picture matches '*/nothing-*.jpg'"),
        (("-o", __file__), 1, f"'{__file__}' is not a folder"),
        (("-o", f"{__file__}/sub"), 1, f"'{__file__}' is not a folder"),
        (("--shard", "3/2"), 2, "--shard"),
        (("--format", "gif"), 2, "png"),
        (("--device", "cpu,abacus"), 2, "abacus"),
        (("-m", "nowhere.safetensors"), 1, "nowhere.safetensors"),
        (("--watch", "--engine", "ray"), 2, "--watch"),
        (("--ray-address", "auto"), 2, "--engine ray"),
        (("--watch", __file__), 2, f"'{__file__}' is none"),
        (("--engine", "ray", "--device", "cpu,cuda"), 2, "--"),
        (("-o", "/proc/out"), 1, "/proc/out"),
    ],
)
def test_impossible_wishes_are_one_sentence_and_write_nothing(
    derain, photos, random_model, tmp_path, options, code, says
):
    done = derain("batch", photos, "-m", random_model, "--report", tmp_path / "page.html", *options)
    assert (done.code, done.out) == (code, b"")
    assert {path.name for path in tmp_path.iterdir()} <= {"photos", "cache"}
    assert says in done.err
    assert done.err.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_output_is_refused_at_once(derain, photos, random_model, tmp_path):
    (tmp_path / "out").mkdir(mode=0o555)
    done = derain("batch", photos, "-m", random_model, "-o", tmp_path / "out")
    assert done.code == 1
    assert "not writable" in done.err


@pytest.mark.parametrize("obstacle", ["a file in its place", "a read-only folder"])
def test_no_result_is_written_without_its_record(derain, photos, random_model, tmp_path, obstacle):
    """The next run would take such results for files of somebody else."""
    record = tmp_path / "out" / ".derain-batch"
    record.parent.mkdir()
    if obstacle == "a file in its place":
        record.write_bytes(b"somebody's")
    else:
        record.mkdir(mode=0o555)
    command = ("batch", photos, "-m", random_model, "-o", tmp_path / "out", "--json")
    with permissions_bind():
        refused = derain(*command)
    assert refused.code == 3, refused.err
    assert "Traceback" not in refused.err
    assert statuses(refused.out) == ["failed"] * len(NAMES)
    assert all(".derain-batch" in line["error"] for line in records(refused.out).values())
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == (
        [".derain-batch"] if record.is_file() else []
    )

    if record.is_dir():
        record.chmod(0o755)
    else:
        assert record.read_bytes() == b"somebody's"
        record.unlink()
    done = derain(*command)
    assert (done.code, statuses(done.out)) == (0, ["done"] * len(NAMES)), done.err


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_was_stopped_goes_on_where_it_was(derain, tmp_path, random_model, stop):
    """No partial file under a final name, what is done is not done again, and the end is the same."""
    photos = tmp_path / "photos"
    for n in range(12):
        write_photo(photos / f"{n}.png", n, (60, 60))
    assert derain("batch", photos, "-m", random_model, "-o", tmp_path / "whole", "-q").code == 0
    whole = contents(tmp_path / "whole")

    report = ("--report", tmp_path / "report.html")
    run = start(photos, "-m", random_model, "-o", tmp_path / "out", "--json", "--jobs", 2, *report)
    assert run.stdout is not None
    finished = [json.loads(run.stdout.readline()) for _ in range(2)]
    run.send_signal(stop)
    said = run.communicate()[1]
    assert run.returncode == (-signal.SIGKILL if stop == signal.SIGKILL else 130)
    assert "Traceback" not in said
    partly = {name: data for name, data in contents(tmp_path / "out").items() if not name.startswith(".")}
    assert len(partly) < 12
    assert partly.items() <= whole.items()
    assert {Path(record["output"]).name for record in finished} <= set(partly)

    rest = derain("batch", photos, "-m", random_model, "-o", tmp_path / "out", "--json", *report)
    assert (rest.code, statuses(rest.out).count("skipped")) == (0, len(partly))
    after = contents(tmp_path / "out")
    assert {name: data for name, data in after.items() if not name.startswith(".")} == whole


def test_a_full_disk_stops_cleanly_and_the_run_goes_on_later(tmp_path, random_model):
    mount = ["unshare", "--user", "--map-root-user", "--mount"]
    small = tmp_path / "small"
    small.mkdir()
    script = (
        f"mount -t tmpfs -o size=128k none {small} && shift 0 && "
        '("$@" --json > first.txt 2> first.err; echo $? > first.code); '
        f'mount -o remount,size=9m {small} && "$@" --json > second.txt'
    )
    if not shutil.which("unshare") or subprocess.run([*mount, "true"], capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    for n in range(6):
        noise = np.random.default_rng(n).integers(0, 256, (100, 100, 3), dtype=np.uint8)
        PIL.Image.fromarray(noise).save(write_photo(tmp_path / "photos" / f"{n}.png"))  # 30 kB each
    command = [
        sys.executable,
        "-m",
        "deraincli",
        "batch",
        "photos",
        "-o",
        str(small),
        "-m",
        str(random_model),
    ]
    subprocess.run([*mount, "sh", "-c", script, "sh", *map(str, command)], cwd=tmp_path, check=True)
    first, second = (statuses((tmp_path / f"{n}.txt").read_bytes()) for n in ("first", "second"))
    assert (tmp_path / "first.code").read_text() == "1\n"
    assert "make room" in (tmp_path / "first.err").read_text()
    assert 0 < first.count("done") < 6
    assert second.count("skipped") >= first.count("done")
    assert second.count("skipped") + second.count("done") == 6


def test_watch_restores_what_is_dropped_in(photos, random_model, tmp_path):
    run = start(photos, "-m", random_model, "--watch", "--json")
    assert run.stdout is not None
    there = {Path(json.loads(run.stdout.readline())["source"]).name for _ in NAMES}
    assert there == {Path(name).name for name in NAMES}
    late = write_photo(tmp_path / "late.png", 7)
    late.rename(photos / "new" / "late.png" if (photos / "new").mkdir() is None else late)
    record = json.loads(run.stdout.readline())
    assert (record["status"], record["source"]) == ("done", str(photos / "new" / "late.png"))
    run.send_signal(signal.SIGINT)
    _, said = run.communicate()
    assert (run.returncode, "Traceback" in said) == (0, False)


def test_watch_waits_for_a_picture_to_be_whole_and_forgives_one_that_was_not(photos, random_model, tmp_path):
    whole = write_photo(tmp_path / "slow.png", 8).read_bytes()
    report = tmp_path / "report.html"
    run = start(photos, "-m", random_model, "--watch", "--json", "--report", report)
    assert run.stdout is not None
    for _ in NAMES:
        run.stdout.readline()
    with (photos / "slow.png").open("wb") as file:
        file.write(whole[:200])
        file.flush()
        write_photo(tmp_path / "z.png", 9).rename(photos / "z.png")
        assert Path(json.loads(run.stdout.readline())["source"]).name == "z.png"  # nothing of the other yet
        os.utime(photos / "slow.png", (0, 0))
        assert json.loads(run.stdout.readline())["status"] == "failed"  # held up for long
        file.write(whole[200:])
    assert json.loads(run.stdout.readline())["status"] == "done"
    write_photo(photos / "a.jpg", 10)
    assert json.loads(run.stdout.readline())["status"] == "done"
    while not report.is_file() or row_of(report)[:3] != ["6", "0", "0"]:
        assert run.poll() is None
        time.sleep(0.1)
    run.send_signal(signal.SIGTERM)
    run.communicate()
    assert run.returncode == 0
    assert row_of(report)[:3] == ["6", "0", "0"]


def embedded(report: Path) -> dict:
    """What a page holds."""
    (data,) = re.findall(r'<script type="application/json" id="report">(.*?)</script>', report.read_text())
    return json.loads(data)


def row_of(report: Path) -> list[str]:
    """The counts that a page shows."""
    return next(table["rows"][0] for table in embedded(report)["tables"] if table["caption"] == "In all")


def test_watch_ends_when_its_folder_is_gone(tmp_path):
    (tmp_path / "photos").mkdir()
    run = start(tmp_path / "photos", "--watch")
    assert run.stderr is not None
    assert run.stderr.readline().startswith("Watching")
    (tmp_path / "photos").rmdir()
    _, said = run.communicate()
    assert run.returncode == 1
    assert "There is no picture or folder" in said or "cannot be watched" in said
    assert "Traceback" not in said


def test_watch_ends_with_what_failed_last(photos, random_model):
    (photos / "broken.png").write_text("no picture")
    os.utime(photos / "broken.png", (0, 0))
    run = start(photos, "-m", random_model, "--watch", "--json")
    assert run.stdout is not None
    lines = [run.stdout.readline() for _ in (*NAMES, "broken.png")]
    assert statuses("".join(lines).encode()) == ["done"] * 4 + ["failed"]
    run.send_signal(signal.SIGINT)
    run.communicate()
    assert run.returncode == 3
