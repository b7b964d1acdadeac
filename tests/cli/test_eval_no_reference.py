"""`derain eval --no-reference` from end to end, with piq and small random weights in place of its own."""

import csv
import io
import json
import sys

import cv2
import numpy as np
import pytest
from paired import rain_on, scene, write_picture, write_set
from quality_weights import write_weights

from deraincli.datasets.pairs import find_pairs, fingerprint

piq = pytest.importorskip("piq")
torch = pytest.importorskip("torch")

ON_CPU = ("--device", "cpu", "--precision", "fp32", "--tile", "off")
SIZE = {"height": 80, "width": 96}
"""Large enough for both measures."""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder without weights, and no network."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    return tmp_path / "home"


@pytest.fixture
def measures(home, tmp_path):
    """The weights of both measures."""
    write_weights(home, tmp_path / "cache")


@pytest.fixture
def photos(tmp_path):
    """Two rainy photos, one of them in a sub-folder and one deep and grey, without any ground truth."""
    folder = tmp_path / "photos"
    write_picture(folder / "1.png", rain_on(scene(1, **SIZE), 1))
    deep = rain_on(scene(2, **SIZE), 2)[..., :1].astype(np.uint16) * 257
    write_picture(folder / "sub" / "2.png", deep)
    return folder


@pytest.fixture
def judge(derain, photos, random_model):
    """`derain eval photos --no-reference …` by a model."""

    def call(*arguments, folder=photos):
        done = derain("eval", folder, "--no-reference", "-m", random_model, *ON_CPU, *arguments)
        return done._replace(out=done.out.decode())

    return call


def pixels_of(file):
    """A file's pixels as H×W×3 float in 0–1, RGB."""
    pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    pixels = pixels.reshape(*pixels.shape[:2], -1) / np.iinfo(pixels.dtype).max
    return np.broadcast_to(pixels[..., ::-1], (*pixels.shape[:2], 3)).astype(np.float32)


def quality_of(file):
    image = torch.from_numpy(pixels_of(file).transpose(2, 0, 1).copy())[None]
    return {"brisque": float(piq.brisque(image)), "clip_iqa": float(piq.CLIPIQA()(image))}


@pytest.mark.usefixtures("measures")
def test_every_figure_is_what_piq_and_numpy_find_in_the_written_files(judge, photos, tmp_path):
    done = judge("--save", tmp_path / "saved", "--json")
    assert done.code == 0, done.err
    (record,) = map(json.loads, done.out.splitlines())
    assert [image["name"] for image in record["images"]] == ["1", "sub/2"]
    for image in record["images"]:
        before, after = (photos / f"{image['name']}.png", tmp_path / "saved" / f"{image['name']}.png")
        difference = np.abs(pixels_of(after) - pixels_of(before))
        assert image["mean_change"] == pytest.approx(difference.mean(), rel=1e-4)
        assert image["changed_share"] == pytest.approx((difference.max(2) > 10.5 / 255).mean(), abs=1e-6)
        assert {key: image[key] for key in ("brisque", "clip_iqa")} == pytest.approx(
            quality_of(after), rel=1e-5
        )
    rainy = [quality_of(photos / f"{image['name']}.png") for image in record["images"]]
    for key in ("brisque", "clip_iqa"):
        assert record[key] == pytest.approx(np.mean([image[key] for image in record["images"]]))
        assert record[f"input_{key}"] == pytest.approx(np.mean([one[key] for one in rainy]), rel=1e-5)
    assert record["mean_change"] > 0
    assert record["count"] == 2


@pytest.mark.usefixtures("measures")
def test_the_measures_never_stand_alone(judge, tmp_path):
    """Every form of output has the change beside them, and the warning."""
    warning = "reward smoothing"
    page = tmp_path / "page.html"
    table = judge("--report", page)
    assert "changed pixels" in table.out and "mean change" in table.out and warning in table.err
    markdown = judge("--markdown")
    assert "changed pixels" in markdown.out and warning in markdown.out
    lines = judge("--csv")
    rows = list(csv.DictReader(io.StringIO(lines.out)))
    assert {"mean_change", "changed_share", "brisque", "clip_iqa"} <= set(rows[0])
    assert warning in lines.err
    assert [float(row["mean_change"]) for row in rows if row["model"] == "rainy input"] == [0, 0]
    (record,) = map(json.loads, judge("--json").out.splitlines())
    assert warning in record["warning"]
    assert warning in page.read_text() and "changed" in page.read_text()


@pytest.mark.usefixtures("measures")
def test_an_unfinished_run_goes_on_with_what_it_measured(judge, photos, tmp_path):
    whole = (photos / "1.png").read_bytes()
    (photos / "1.png").write_bytes(whole[: len(whole) // 2])
    first = judge("--json")
    assert first.code == 3
    assert json.loads(first.out)["failed"][0]["name"] == "1"
    (journal,) = (tmp_path / "cache").rglob("scores.jsonl")
    kept = json.loads(journal.read_text().strip())
    for value in kept["value"].values():
        value[2] = -1.0  # what nobody could measure
    journal.write_text("\n" + json.dumps(kept) + "\n")
    (photos / "1.png").write_bytes(whole)

    second = judge("--json")

    assert second.code == 0, second.err
    images = {image["name"]: image["brisque"] for image in json.loads(second.out)["images"]}
    assert images["sub/2"] == -1.0 != images["1"]


@pytest.mark.usefixtures("measures")
def test_a_paired_set_gives_its_rainy_pictures(judge, tmp_path):
    folder = write_set(tmp_path / "set", count=2, **SIZE)
    record = json.loads(judge("--json", folder=folder).out)
    assert record["count"] == 2
    assert record["fingerprint"] == fingerprint(find_pairs(folder).pairs)
    assert record["input_brisque"] == pytest.approx(
        np.mean([quality_of(file)["brisque"] for file in (folder / "input").iterdir()]), rel=1e-5
    )


@pytest.mark.usefixtures("measures")
def test_ready_results_below_sub_folders(derain, photos):
    done = derain("eval", photos, "--no-reference", "--results", photos, "--json")
    record = json.loads(done.out)
    assert (record["count"], record["mean_change"], record["changed_share"]) == (2, 0, 0)
    assert record["brisque"] == record["input_brisque"]


@pytest.mark.usefixtures("measures")
@pytest.mark.parametrize(
    ("pixels", "reason"),
    [(np.zeros((80, 96, 3), np.uint8), "without texture"), (scene(3, 40, 20), "20×40 is smaller")],
    ids=["black", "tiny"],
)
def test_a_photo_that_cannot_be_measured_fails_alone(derain, photos, pixels, reason):
    write_picture(photos / "bad.png", pixels)
    done = derain("eval", photos, "--no-reference", "--results", photos, "--json")
    assert done.code == 3
    assert json.loads(done.out)["count"] == 2
    assert "bad: " in done.err and reason in done.err


def test_weights_that_cannot_be_downloaded_are_one_sentence(judge, home, tmp_path):
    done = judge("--quiet")
    assert (done.code, done.out) == (1, "")
    assert "brisque_svm_weights.pt" in done.err and "connect to the internet" in done.err
    write_weights(home, tmp_path / "cache")
    (home / ".cache" / "clip" / "RN50.pt").unlink()
    done = judge("--quiet")
    assert (done.code, done.out) == (1, "")
    assert "RN50.pt" in done.err and "Traceback" not in done.err
    assert [file.name for file in (home / ".cache" / "clip").iterdir()] == ["clipiqa_tokens.pt"]


@pytest.mark.usefixtures("measures")
@pytest.mark.parametrize("name", ["brisque_svm_weights.pt", "RN50.pt", "clipiqa_tokens.pt"])
def test_damaged_weights_are_one_sentence(judge, tmp_path, name):
    (file,) = tmp_path.rglob(name)
    file.write_bytes(file.read_bytes()[:100])
    done = judge("--quiet")
    assert (done.code, done.out) == (1, "")
    assert f"'{file}'" in done.err and "damaged" in done.err
    assert done.err.count("\n") == 1


def test_without_the_library_its_extra_is_named(judge, monkeypatch):
    monkeypatch.setitem(sys.modules, "piq", None)
    done = judge()
    assert (done.code, done.out) == (1, "")
    assert "[quality]" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--protocol", "rgb"), 2, "--protocol needs the ground truth"),
        (("--sort", "worst"), 2, "--sort worst needs the ground truth"),
        (("--layout", "agan"), 1, "layout agan"),
        (("--expect-fingerprint", "0"), 1, "have fingerprint"),
    ],
)
def test_bad_requests_are_one_sentence(judge, arguments, code, said):
    done = judge(*arguments)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert done.err.count("\n") == 1


@pytest.mark.usefixtures("measures")
def test_results_beside_their_photos_are_not_judged(derain, photos):
    results = photos.parent / "results"
    for file in (photos / "1.derained.png", results / "1.png", results / "sub" / "2.png"):
        write_picture(file, scene(1, **SIZE))
    done = derain("eval", photos, "--no-reference", "--results", results, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["count"] == 2


def test_photos_that_differ_only_in_their_suffix_are_refused(judge, photos):
    (photos / "1.jpg").write_bytes(b"")
    done = judge()
    assert done.code == 2
    assert str(photos / "1.png") in done.err and str(photos / "1.jpg") in done.err
