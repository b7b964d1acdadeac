"""`derain compare` from end to end: pages and sheets of real files, through a real (untrained) network."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from paired import rain_on, scene, write_picture

import deraincli
from deraincli.evaluation.metrics import PROTOCOLS, score
from deraincli.reporting import html_page

ON_CPU = ("--device", "cpu", "--precision", "fp32")


@pytest.fixture
def rainy(tmp_path):
    return write_picture(tmp_path / "rainy.png", rain_on(scene(0), 0))


@pytest.fixture
def clean(tmp_path):
    return write_picture(tmp_path / "clean.png", scene(0))


@pytest.fixture
def blurred(tmp_path, rainy):
    return write_picture(tmp_path / "blurred.png", np.asarray(PIL.Image.open(rainy)) // 2)


def pixels(file) -> np.ndarray:
    return np.asarray(PIL.Image.open(file))


def content(page: Path) -> dict:
    html = page.read_text(encoding="utf-8")
    (data,) = re.findall(r'<script type="application/json" id="report">(.*?)</script>', html, re.DOTALL)
    return json.loads(data)


def decoded(url: str) -> np.ndarray:
    return pixels(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_the_page_holds_every_version_without_loss(derain, random_model, rainy, clean, blurred, tmp_path):
    page = tmp_path / "page.html"
    done = derain(
        *("compare", rainy, f"by hand={blurred}", "-o", page, "-m", random_model, *ON_CPU, "--target", clean)
    )
    assert done.code == 0, done.err
    (picture,) = content(page)["comparisons"]
    assert list(picture["views"]) == ["input", "random", "by hand", "ground truth"]
    restored = deraincli.load(str(random_model), device="cpu", precision="fp32")(pixels(rainy))
    expected = (pixels(rainy), restored, pixels(blurred), pixels(clean))
    for url, version in zip(picture["views"].values(), expected, strict=True):
        np.testing.assert_array_equal(decoded(url), version)
    by_hand = score(pixels(blurred), pixels(clean), PROTOCOLS["prenet"])
    assert picture["notes"]["by hand"] == f"PSNR {by_hand.psnr:.2f} dB, SSIM {by_hand.ssim:.4f} (prenet)"
    assert "protocol prenet" in content(page)["facts"][0]


def test_a_sheet_holds_the_pictures_with_scores_on_stdout(derain, rainy, clean, blurred, tmp_path):
    sheet = tmp_path / "sheet.png"
    arguments = ("compare", rainy, f"by hand={blurred}", "-o", sheet, "--target", clean, "--protocol", "rgb")
    first = derain(*arguments)
    table = first.out.decode()
    assert "rainy.png (rgb)" in table
    assert "2 versions and the ground truth" in first.err
    expected = score(pixels(blurred), pixels(clean), PROTOCOLS["rgb"])
    assert f"{expected.psnr:.2f}" in table
    assert pixels(sheet).shape[1] > 3 * 64

    record = json.loads(derain(*arguments, "--overwrite", "--json").out)
    assert (record["source"], record["output"], record["protocol"]) == (str(rainy), str(sheet), "rgb")
    assert [version["name"] for version in record["versions"]] == ["input", "by hand"]
    assert record["versions"][1]["psnr"] == pytest.approx(expected.psnr)
    assert record["versions"][1]["ssim"] == pytest.approx(expected.ssim)


def test_models_are_called_as_they_are_known_or_else_as_typed(derain, random_model, rainy, tmp_path):
    namesake = tmp_path / "other" / random_model.name
    third = tmp_path / "third.safetensors"
    namesake.parent.mkdir()
    for copy in (namesake, third):
        shutil.copy(random_model, copy)
    models = f"{random_model},{namesake},{third}"
    done = derain("compare", rainy, "-o", tmp_path / "o.jpg", "--models", models, *ON_CPU, "--json")
    record = json.loads(done.out)
    names = [version["name"] for version in record["versions"]]
    assert names == ["input", str(random_model), str(namesake), "third"]
    assert record["protocol"] is None
    assert all(version["device"] == "cpu" for version in record["versions"][1:])


def test_a_perfect_result_is_null_in_json_and_endless_on_the_page(derain, rainy, clean, tmp_path):
    page = tmp_path / "page.html"
    done = derain("compare", rainy, f"same={clean}", "-o", page, "--target", clean, "--json")
    assert json.loads(done.out)["versions"][1]["psnr"] is None
    assert "∞" in content(page)["comparisons"][0]["notes"]["same"]


def test_the_specialist_that_the_default_takes_is_named_everywhere(derain, rainy, tmp_path):
    page = tmp_path / "page.html"
    done = derain("compare", rainy, "-o", page, *ON_CPU, "--json", "-v")
    _, version = json.loads(done.out)["versions"]
    assert version["name"] == "balnet-lite"
    assert version["model"] in ("balnet-lite-streak", "balnet-lite-drop")
    label = f"balnet-lite ({version['model']})"
    assert f"{label} on cpu in fp32" in done.err
    assert f"{label} on cpu in fp32" in content(page)["facts"]
    assert list(content(page)["comparisons"][0]["views"]) == ["input", label]
    image = derain("image", rainy, "-o", tmp_path / "o.png", *ON_CPU, "--json")
    assert json.loads(image.out)["model"] == version["model"]


def test_what_a_page_shows_smaller_or_with_loss_is_said(derain, tmp_path, monkeypatch):
    wide = write_picture(tmp_path / "wide.png", scene(0, 6, 8192))
    page = tmp_path / "page.html"

    def said() -> str:
        done = derain("compare", wide, f"same={wide}", "-o", page, "--overwrite")
        (picture,) = content(page)["comparisons"]
        _, _, remark = picture["caption"].partition(", ")
        assert f"'wide.png' is {remark}" in done.err
        return remark

    assert said() == "shown at 4096×3"
    views = content(page)["comparisons"][0]["views"]
    monkeypatch.setattr(html_page, "PAGE_BYTES", sum(map(len, views.values())))
    assert said() == "shown at 4096×3, lossy"


def test_sheets_of_narrow_pictures_end(derain, tmp_path):
    narrow = write_picture(tmp_path / "w5.png", scene(0, 40, 5))
    done = derain("compare", narrow, f"a long name{'!' * 200}={narrow}", "-o", tmp_path / "sheet.png")
    assert (done.code, "2 versions" in done.err) == (0, True)


def test_classical_methods_stand_beside_networks(derain, random_model, tmp_path):
    tiny = write_picture(tmp_path / "tiny.png", rain_on(scene(0, 16, 16), 0))
    models = ("--models", f"{random_model},dsc")
    done = derain("compare", tiny, "-o", tmp_path / "sheet.png", *models, *ON_CPU, "--json")
    assert [version["name"] for version in json.loads(done.out)["versions"]] == ["input", "random", "dsc"]


def test_16_bits_and_grey_can_be_compared(derain, tmp_path):
    deep = rain_on(scene(1), 1).astype(np.uint16) * 257
    rainy = write_picture(tmp_path / "deep.png", deep)
    grey = write_picture(tmp_path / "grey.png", scene(1)[..., :1])
    assert derain("compare", rainy, f"grey={grey}", "-o", tmp_path / "page.html").code == 0
    views = content(tmp_path / "page.html")["comparisons"][0]["views"]
    np.testing.assert_array_equal(decoded(views["input"]), deep // 257)
    np.testing.assert_array_equal(decoded(views["grey"]), np.repeat(scene(1)[..., :1], 3, 2))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("results/my clean.png",), 2, "such as 'my clean=results/my clean.png'"),
        (("=clean.png",), 2, "such as theirs=theirs.png"),
        (("input=blurred.png",), 2, "called 'input'"),
        (("a=blurred.png", "a=clean.png"), 2, "called 'a'"),
        (("a=missing.png",), 1, "missing.png"),
        (("a=small.png",), 1, "20×10"),
        (("a=blurred.png", "--target", "small.png"), 1, "20×10"),
        (("a=blurred.png", "--protocol", "all"), 2, "--protocol"),
        (("a=blurred.png", "--protocol", "rgb"), 2, "--target"),
        (("a=blurred.png", "--protocol", "nope"), 2, "agan or rgb, not 'nope'"),
        (("a=blurred.png", "-o", "out.txt"), 2, "out.txt"),
        (("a=blurred.png", "-o", "out.pdf"), 2, "or .html for a page"),
        (("a=blurred.png", "-o", ""), 2, "needs a name"),
        (("--models", ""), 2, "empty name"),
        (("--models", "balnet-lite,"), 2, "empty name"),
        (("a=blurred.png", "-o", "clean.png"), 1, "exists"),
        (("--models", "no-such-model"), 2, "no-such-model"),
        (("-o", "rainy.png", "--overwrite"), 2, "another file of this command"),
        (("--target", "clean.png", "-o", "./clean.png", "--overwrite"), 2, "another file of this command"),
        (("a=blurred.png", "-o", "blurred.png", "--overwrite"), 2, "another file of this command"),
    ],
)
def test_bad_requests_are_one_sentence(
    derain, rainy, clean, blurred, tmp_path, monkeypatch, arguments, code, said
):
    monkeypatch.chdir(tmp_path)
    write_picture(tmp_path / "small.png", scene(0, 10, 20))
    before = [file.read_bytes() for file in (rainy, clean, blurred)]
    done = derain("compare", rainy, "-o", "out.html", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (code, b"", 1)
    assert said in done.err
    assert not (tmp_path / "out.html").exists()
    assert [file.read_bytes() for file in (rainy, clean, blurred)] == before
