"""`derain attn` from end to end: real files, real (untrained) networks, exit codes, both output streams."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from paired import rain_on, scene, write_picture, write_set
from PIL.PngImagePlugin import PngInfo
from tiny_models import model_with_maps

import deraincli
from deraincli.attention_maps import figure, render
from deraincli.attention_maps.render import heat_map
from deraincli.errors import OutputError

PLAIN = ("--device", "cpu", "--precision", "fp32", "--figure", "none")

FILES = {
    *("ram.png", "cam.png", "ram-overlay.png", "cam-overlay.png"),
    *("ram-16bit.png", "cam-16bit.png", "ram.npy", "cam.npy", "mask.png"),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return model_with_maps(tmp_path_factory.mktemp("model"), "balnet-lite")


@pytest.fixture
def photo(tmp_path):
    return write_picture(tmp_path / "photo.png", rain_on(scene(0), 0))


def titled() -> PngInfo:
    text = PngInfo()
    text.add_text("Title", "Mine")
    return text


def written(folder: Path, name: str) -> set[str]:
    return {path.name.removeprefix(f"{name}.") for path in folder.iterdir()}


def pixels(path: Path) -> np.ndarray:
    return np.asarray(PIL.Image.open(path))


@pytest.mark.parametrize("tile", ["off", "64"])
def test_files_hold_the_very_maps_that_steered_the_network(derain, model, tmp_path, tile):
    photo = tmp_path / "photo.png"
    PIL.Image.fromarray(rain_on(scene(0, 100, 150), 0)).save(photo, pnginfo=titled())
    out = tmp_path / "out"
    done = derain("attn", photo, "-o", out, "-m", model, *PLAIN, "--tile", tile)
    assert (done.code, done.out) == (0, b""), done.err
    assert "Title" not in done.err  # maps hold no descriptions
    assert written(out, "photo") == FILES

    restorer = deraincli.load(
        str(model), device="cpu", precision="fp32", tile="off" if tile == "off" else int(tile)
    )
    _, maps = restorer(pixels(photo), return_maps=True)
    for name, attention in (("ram", maps.ram), ("cam", maps.cam)):
        assert attention.std() > 0.01
        np.testing.assert_array_equal(np.load(out / f"photo.{name}.npy"), attention)
        deep = cv2.imread(str(out / f"photo.{name}-16bit.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_allclose(deep / 65535, attention, atol=1e-5)
        np.testing.assert_array_equal(pixels(out / f"photo.{name}.png")[:, :150], heat_map(attention))
        assert pixels(out / f"photo.{name}-overlay.png").shape == (100, 150, 3)
    np.testing.assert_array_equal(pixels(out / "photo.mask.png") > 0, maps.ram > 0.5)


def test_levels_rain_and_figure_are_written_where_asked_for(derain, model, photo, tmp_path):
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed")
    done = derain("attn", photo, "-m", model, "--levels", "--rain", "--figure", "svg")
    assert done.code == 0, done.err
    beside = written(tmp_path, "photo") - {"png"}
    assert beside - {"cache"} == FILES | {"levels.png", "rain.png", "figure.svg"}


def test_threshold_and_alpha(derain, model, photo, tmp_path):
    options = ("-m", model, *PLAIN, "--threshold", 0, "--alpha", 0)
    assert derain("attn", photo, "-o", tmp_path / "out", *options).code == 0
    assert (pixels(tmp_path / "out" / "photo.mask.png") == 255).all()
    np.testing.assert_array_equal(pixels(tmp_path / "out" / "photo.ram-overlay.png"), pixels(photo))


@pytest.mark.parametrize("attention", ["ram", "cam"])
def test_one_map_and_its_opposite_mirror_each_other(derain, photo, tmp_path, attention):
    ablated = model_with_maps(tmp_path, "balnet-lite", attention=attention)
    done = derain("attn", photo, "-o", tmp_path / "out", "-m", ablated, *PLAIN, "--levels", "--json")
    assert json.loads(done.out)["complementarity_gap"] == pytest.approx(0, abs=1e-6)


def test_ground_truth_scores_a_picture_as_json_and_as_table(derain, model, photo, tmp_path):
    clean = write_picture(tmp_path / "clean.png", scene(0))
    options = ("-o", tmp_path / "out", "-m", model, *PLAIN, "--target", clean)
    record = json.loads(derain("attn", photo, *options, "--json").out)
    assert (record["status"], record["width"], record["height"]) == ("done", 64, 48)
    assert {Path(file).name.removeprefix("photo.") for file in record["files"]} == FILES

    rain = np.abs(pixels(photo).astype(float) - pixels(clean)) @ (0.299, 0.587, 0.114)
    truth = rain > rain.mean()
    claimed = pixels(tmp_path / "out" / "photo.mask.png") > 0
    assert record["ram"]["recall"] == pytest.approx(claimed[truth].mean())
    assert record["ram"]["precision"] == pytest.approx(truth[claimed].mean())
    assert 0 <= record["cam"]["auc"] <= 1

    table = derain("attn", photo, *options, "--overwrite").out.decode()
    assert f"{record['ram']['auc']:.3f}" in table
    assert f"{record['complementarity_gap']:.3f}" in table


def test_a_paired_set_ends_in_its_means(derain, model, tmp_path):
    dataset = write_set(tmp_path / "set", count=3)
    done = derain("attn", dataset, "-m", model, *PLAIN, "--json")
    *records, mean = [json.loads(line) for line in done.out.splitlines()]
    assert (done.code, mean["count"], mean["source"]) == (0, 3, str(dataset))
    assert len(list((tmp_path / "set-attn").glob("*.ram.npy"))) == 3
    for which in ("ram", "cam"):
        for number in ("auc", "iou", "precision", "recall"):
            expected = np.mean([record[which][number] for record in records])
            assert mean[which][number] == pytest.approx(expected)
    assert mean["complementarity_gap"] == pytest.approx(
        np.mean([record["complementarity_gap"] for record in records])
    )


def test_a_broken_picture_of_a_folder_is_named_and_the_others_done(derain, model, tmp_path):
    folder = tmp_path / "photos"
    for n in (1, 2):
        write_picture(folder / f"{n}.png", scene(n))
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:200])
    done = derain("attn", folder, "-m", model, *PLAIN, "--json")
    broken, whole, mean = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 3
    assert (broken["status"], whole["status"], mean["count"]) == ("failed", "done", 1)
    assert broken["error"] in done.err
    assert "1 of 2" in done.err
    (folder / "2.png").unlink()
    assert derain("attn", folder, "-m", model, *PLAIN, "-o", tmp_path / "again").code == 1


def test_an_interrupted_folder_goes_on_where_it_was(derain, model, tmp_path):
    """What is done is skipped; what is missing, also in part, is made. What is no picture is named."""
    folder, out = tmp_path / "photos", tmp_path / "out"
    for name in ("1.png", "2.png", "sub/1.png"):
        write_picture(folder / name, scene(1))
    (folder / "moving.gif").touch()
    arguments = ("attn", folder, "-o", out, "-m", model, *PLAIN, "--json")

    def run(*more: str) -> tuple[int, list[str], str]:
        done = derain(*arguments, *more)
        return done.code, [json.loads(line).get("status") for line in done.out.splitlines()], done.err

    assert run()[:2] == (0, ["done", "done", "done", None])
    assert (out / "sub" / "1.ram.npy").is_file()
    for file in (*out.glob("2.*"), out / "1.mask.png"):
        file.unlink()
    code, status, err = run()
    assert (code, sorted(status[:3]), status[3]) == (0, ["done", "done", "skipped"], None)
    assert "1 of 3 pictures are skipped" in err
    assert f"1 ('{folder / 'moving.gif'}'); convert them first." in err
    assert run()[:2] == (0, ["skipped"] * 3)
    assert run("--overwrite")[:2] == (0, ["done", "done", "done", None])


def test_a_folder_is_done_anew_where_settings_or_pictures_changed(derain, model, tmp_path):
    folder, out = tmp_path / "photos", tmp_path / "photos-attn"
    for name in ("1.png", "2.png"):
        write_picture(folder / name, scene(1))

    def run(*more: object) -> tuple[int, list[str]]:
        done = derain("attn", folder, "-m", model, *PLAIN, "--json", *more)
        return done.code, [json.loads(line).get("status") for line in done.out.splitlines()]

    assert run() == (0, ["done", "done", None])
    assert run() == (0, ["skipped", "skipped"])
    assert run("--threshold", 0) == (0, ["done", "done", None])
    assert (pixels(out / "1.mask.png") == 255).all()
    assert run("--threshold", 0, "--tile", "64") == (0, ["done", "done", None])
    write_picture(folder / "2.png", scene(2, 50, 50))
    assert run("--threshold", 0, "--tile", "64") == (0, ["skipped", "done", None])
    assert pixels(out / "2.mask.png").shape == (50, 50)


def test_files_that_no_run_wrote_or_that_were_changed_stay(derain, model, tmp_path):
    folder, out = tmp_path / "photos", tmp_path / "photos-attn"
    for name in ("1.png", "2.png", "3.png"):
        write_picture(folder / name, scene(1))
    foreign = write_picture(out / "1.ram.png", scene(3)).read_bytes()
    assert derain("attn", folder, "-m", model, *PLAIN).code == 3
    assert (out / "1.ram.png").read_bytes() == foreign
    assert not (out / "1.cam.png").exists()
    (out / "2.cam.npy").write_bytes(b"edited")
    changed = derain("attn", folder, "-m", model, *PLAIN, "--alpha", 1, "--json")
    assert changed.code == 3
    statuses = [json.loads(line).get("status") for line in changed.out.splitlines()]
    assert statuses == ["failed", "failed", "done", None]
    assert "2.cam.npy' exists" in changed.err
    assert (out / "2.cam.npy").read_bytes() == b"edited"


@pytest.mark.parametrize("folder", [".", "maps"])
def test_the_line_names_the_files_by_their_pattern(derain, model, photo, tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    done = derain("attn", photo.name, "-o", folder, "-m", model, *PLAIN)
    assert done.code == 0, done.err
    pattern = done.err.partition(" → ")[2].partition("  ")[0]
    assert {path.name for path in tmp_path.glob(pattern)} - {photo.name} == {f"photo.{it}" for it in FILES}


def test_one_picture_leaves_no_record_beside_it(derain, model, photo, tmp_path):
    assert derain("attn", photo, "-m", model, *PLAIN).code == 0
    assert not list(tmp_path.glob(".derain*"))


def test_what_cannot_be_written_whole_leaves_nothing(derain, model, photo, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OutputError("The disk is full.")

    monkeypatch.setattr(render, "rain_mask", full)
    assert derain("attn", photo, "-o", tmp_path / "out", "-m", model, *PLAIN).code == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_the_specialist_that_the_default_takes_is_named(derain, photo, tmp_path):
    done = derain("attn", photo, "-o", tmp_path / "out", *PLAIN)
    record = json.loads(derain("attn", photo, "-o", tmp_path / "json", *PLAIN, "--json").out)
    image = derain("image", photo, "-o", tmp_path / "o.png", *PLAIN[:4], "--json")
    assert record["model"] == json.loads(image.out)["model"] != "balnet-lite"
    assert f"{record['model']} on cpu in fp32" in done.err


def test_what_changes_on_reading_is_said_as_by_image(derain, model, tmp_path):
    cmyk = tmp_path / "cmyk.jpg"
    PIL.Image.fromarray(scene(0)).convert("CMYK").save(cmyk)
    notes = [
        [line for line in derain(*arguments, "-m", model, *PLAIN[:4]).err.splitlines() if "Note" in line]
        for arguments in (("attn", cmyk, "--figure", "none"), ("image", cmyk))
    ]
    assert notes[0] == notes[1] != []


def test_notes_of_a_folder_name_their_picture(derain, model, tmp_path):
    photos = tmp_path / "photos"
    write_picture(photos / "rgb.png", scene(1))
    PIL.Image.fromarray(scene(0)).convert("CMYK").save(photos / "cmyk.jpg")
    done = derain("attn", photos, "--figure", "none", "-m", model, *PLAIN[:4])
    (note,) = [line for line in done.err.splitlines() if "CMYK" in line]
    assert note.startswith("Note: cmyk")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--backend", "onnxruntime", "--levels"), 2, "--levels needs PyTorch"),
        (("--backend", "onnxruntime", "--html"), 2, "--html needs PyTorch"),
        (("-m", "gmm"), 2, "classical method"),
        (("-o", ""), 2, "needs a name"),
        (("--alpha", "nan"), 2, "--alpha takes a number from 0 to 1"),
        (("--threshold", "nan"), 2, "--threshold takes a number from 0 to 1"),
        (("--target", "gone.png"), 1, "no file 'gone.png'"),
        (("-o", "photo.png/maps"), 1, "not a folder"),
        (("--task", "snow"), 2, "snow"),
    ],
)
def test_bad_requests_are_one_sentence_and_leave_no_folder(
    derain, photo, tmp_path, monkeypatch, arguments, code, said
):
    monkeypatch.chdir(tmp_path)
    done = derain("attn", photo, "-o", "out", *PLAIN, *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (code, b"", 1)
    assert said in done.err
    assert {path.name for path in tmp_path.iterdir()} <= {"photo.png", "cache"}


def test_the_smallest_picture_has_levels(derain, model, tmp_path):
    dot = write_picture(tmp_path / "dot.png", scene(0, 1, 1))
    assert derain("attn", dot, "-o", tmp_path / "out", "-m", model, *PLAIN, "--levels").code == 0


def test_no_output_is_replaced_unasked(derain, model, photo, tmp_path):
    mine = tmp_path / "photo.mask.png"
    mine.write_text("mine")
    refused = derain("attn", photo, "-m", model, *PLAIN)
    assert refused.code == 1
    assert "photo.mask.png" in refused.err
    assert mine.read_text() == "mine"
    assert not (tmp_path / "photo.ram.npy").exists()
    assert derain("attn", photo, "-m", model, *PLAIN, "--overwrite").code == 0
    assert mine.read_bytes() != b"mine"


def test_a_network_without_maps_is_one_sentence(derain, photo, tmp_path):
    plain = model_with_maps(tmp_path, "prenet")
    done = derain("attn", photo, "-o", tmp_path / "out", "-m", plain, *PLAIN)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "no attention maps" in done.err
    assert not (tmp_path / "out").exists()


def test_levels_that_a_network_does_not_have_are_one_sentence(derain, photo, tmp_path):
    flat = model_with_maps(tmp_path, "balnet-lite", restorer="pix2pix", unshuffle=1)
    done = derain("attn", photo, "-o", tmp_path / "out", "-m", flat, *PLAIN, "--levels")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert derain("attn", photo, "-o", tmp_path / "out", "-m", flat, *PLAIN, "--html").code == 0
    page = (tmp_path / "out" / "photo.maps.html").read_text(encoding="utf-8")
    assert '"name": "full size"' in page and "level 0" not in page


def test_without_matplotlib_there_is_no_figure_unless_asked_for(derain, model, photo, tmp_path, monkeypatch):
    monkeypatch.setattr(figure, "can_draw", lambda: False)
    done = derain("attn", photo, "-o", tmp_path / "out", "-m", model)
    assert done.code == 0
    assert "[figures]'" in done.err
    assert written(tmp_path / "out", "photo") == FILES
    asked = derain("attn", photo, "-o", tmp_path / "other", "-m", model, "--figure", "pdf")
    assert asked.code == 1
    assert asked.err.count("\n") == 1
    assert not (tmp_path / "other").exists()
