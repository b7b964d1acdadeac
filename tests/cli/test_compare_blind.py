"""`derain compare --blind` from the photos over the page, judged in a browser, to the result."""

from __future__ import annotations

import base64
import io
import json
import re
from math import comb
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from browsers import downloaded, requested_addresses
from paired import rain_on, scene, write_picture


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six rainy photos beside a folder of their darker results in another format."""
    for n in range(6):
        rainy = rain_on(scene(n, 40, 56), n)
        write_picture(tmp_path / "photos" / "sub" / f"{n}.png", rainy)
        write_picture(tmp_path / "darker" / "sub" / f"{n}.bmp", rainy // 2)
    return tmp_path / "photos"


def report(page: Path) -> dict:
    html = page.read_text(encoding="utf-8")
    (data,) = re.findall(r'<script type="application/json" id="report">(.*?)</script>', html, re.DOTALL)
    return json.loads(data)


def brightness(url: str) -> float:
    return float(np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))).mean())


def brighter_sides(page: Path) -> list[str]:
    """The side of the photo itself, by picture."""
    views = [picture["views"] for picture in report(page)["comparisons"]]
    return ["left" if brightness(v["left"]) > brightness(v["right"]) else "right" for v in views]


def test_recorded_results_in_the_folder_are_no_photos(
    derain, photos: Path, tmp_path: Path, random_model: Path
) -> None:
    page = tmp_path / "page.html"
    assert derain("batch", photos, "-o", photos / "restored", "-m", random_model).code == 0
    done = derain("compare", photos, f"darker={tmp_path / 'darker'}", "-o", page, "--blind")
    assert done.code == 0, done.err
    assert len(report(page)["comparisons"]) == 6


def test_answers_become_counts_and_a_sign_test(derain, photos: Path, tmp_path: Path) -> None:
    page, answers = tmp_path / "page.html", tmp_path / "answers.json"
    write_picture(photos / "sub" / "0.derained.png", scene(0, 40, 56))  # a result, not a photo
    done = derain("compare", photos, f"darker={tmp_path / 'darker'}", "-o", page, "--blind")
    assert done.code == 0, done.err
    assert "darker" not in page.read_text(encoding="utf-8")
    sides = brighter_sides(page)
    assert sorted(sides) == ["left"] * 3 + ["right"] * 3
    other = {"left": "right", "right": "left"}
    given = [*sides[:3], other[sides[3]], "same", None]
    content = {"kind": "derain blind answers", "sealed": report(page)["sealed"], "answers": given}
    answers.write_text(json.dumps(content))
    done = derain("compare", answers, "-o", tmp_path / "result.json", "--blind", "--json")
    assert done.code == 0, done.err
    result = json.loads((tmp_path / "result.json").read_text())
    assert json.loads(done.out) == result
    assert result["preferred"] == {"input": 3, "darker": 1}
    assert (result["no_difference"], result["not_judged"]) == (1, 1)
    assert result["sign_test_p"] == pytest.approx(2 * (comb(4, 3) + comb(4, 4)) / 2**4)
    assert {picture["name"] for picture in result["pictures"]} == {f"sub/{n}.png" for n in range(6)}


@pytest.mark.parametrize(("name", "said"), [("empty", "no photos"), ("missing.png", "no file")])
def test_photos_are_missed_before_a_model_is_loaded(
    derain, random_model: Path, tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "empty").mkdir()
    done = derain("compare", tmp_path / name, "-o", tmp_path / "a.html", "--blind", "-v", "-m", random_model)
    assert (done.code, done.err.count("\n")) == (1, 1)  # --verbose names a model that is loaded
    assert said in done.err


def test_what_cannot_be_judged_is_refused(derain, photos: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert derain("compare", photos, "-o", page, "--blind", "--models", "a.safetensors,b,c").code != 0
    one, two = f"one={tmp_path / 'darker'}", f"two={tmp_path / 'darker'}"
    done = derain("compare", photos, one, two, "three=x", "-o", page, "--blind")
    assert done.code == 2
    assert "two versions, not 3" in done.err
    assert derain("compare", photos, one, "-o", tmp_path / "sheet.png", "--blind").code == 2
    (tmp_path / "darker" / "sub" / "3.bmp").unlink()
    done = derain("compare", photos, one, "-o", page, "--blind")
    assert done.code == 1
    assert "no result of 'sub/3.png'" in done.err
    assert not page.exists()


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"kind": "other"}', "SHORT"])
def test_a_file_that_holds_no_answers_is_named(derain, tmp_path: Path, content: str) -> None:
    key = base64.b64encode(
        json.dumps({"versions": ["a", "b"], "pictures": ["p"], "swapped": [True]}).encode()
    )
    if content == "SHORT":
        content = json.dumps({"kind": "derain blind answers", "sealed": key.decode(), "answers": []})
    file = tmp_path / "answers.json"
    file.write_text(content)
    done = derain("compare", file, "-o", tmp_path / "result.json", "--blind")
    assert done.code == 1
    assert "answers.json" in done.err and "Traceback" not in done.err
    assert derain("compare", file, "-o", tmp_path / "page.html", "--blind").code == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            "page.html --blind -o new.json",
            2,
            "name the file that the page saved: derain compare answers.json",
        ),
        ("page.html --blind -o new.html", 2, "'page.html' is a page"),
        ("page.html -o new.html", 2, "'page.html' is a page"),
        ("photos --blind -o new.json", 2, "-o PAGE.html"),
        ("photos --blind -o new.png", 2, "-o PAGE.html"),
        ("photos --blind -o new", 2, "-o PAGE.html"),
        ("photos/sub/1.png --blind -o new.json", 2, "-o PAGE.html"),
        ("answers.json -o new.json", 2, "add --blind"),
        ("answers.json -o new.html", 2, "add --blind"),
        ("answers.json --blind -o new.html", 2, "-o result.json"),
        ("answers.json dark=darker --blind -o new.json", 2, "leave out NAME=FILE"),
        ("answers.json --blind -o new.json --models balnet-lite,dsc", 2, "leave out the models"),
        ("answers.json --blind -o new.json -m dsc", 2, "leave out the models"),
        ("answers.json --blind -o new.json --target photos/sub/1.png", 2, "leave out --target"),
        ("answers.json --blind -o new.json --protocol rgb", 2, "leave out --protocol"),
        ("none.json --blind -o new.json", 1, "There is no file 'none.json': check its name"),
        ("photos dark=page.html --blind -o new.html", 1, "name the folder of its results"),
        ("photos dark=photos/sub/1.png --blind -o new.html", 1, "name the folder of its results"),
        ("photos dark=none --blind -o new.html", 1, "There is no folder 'none': check its name"),
        ("photos/sub/1.png dark=darker --blind -o new.html", 1, "name one of its pictures"),
        ("photos dark=darker --blind -o new.html --target photos", 2, "leave out --target"),
    ],
)
def test_what_does_not_fit_together_is_one_message_that_says_what_to_do(
    derain, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("page.html").write_text("<!doctype html>")
    Path("answers.json").write_text("{}")
    done = derain("compare", *words.split())
    assert (done.code, done.out, done.err.count("\n")) == (code, b"", 1)
    assert said in done.err
    assert not list(tmp_path.glob("new*"))


def test_a_folder_of_photos_may_be_called_as_a_file(derain, photos: Path, tmp_path: Path) -> None:
    for name in ("set.json", "set.html"):
        folder, page = photos.rename(tmp_path / name), tmp_path / "page.html"
        done = derain("compare", folder, f"dark={tmp_path / 'darker'}", "-o", page, "--blind", "--overwrite")
        assert (done.code, len(report(page)["comparisons"])) == (0, 6)
        folder.rename(photos)


def test_a_person_judges_by_keys_and_saves(derain, browser, photos: Path, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.wait import WebDriverWait

    page = tmp_path / "page.html"
    assert derain("compare", photos, f"darker={tmp_path / 'darker'}", "-o", page, "--blind").code == 0
    requested_addresses(browser)
    browser.get(page.as_uri())
    body = browser.find_element("tag name", "body")
    name, progress = (browser.find_element("id", key) for key in ("name", "progress"))
    assert name.text == "photo 1 of 6"
    sides = brighter_sides(page)
    for side in sides[:5]:
        body.send_keys("1" if side == "left" else "3")
    assert (name.text, progress.text) == ("photo 6 of 6", "5 of 6 judged")
    body.send_keys("p")
    pressed = browser.find_element("css selector", "[aria-pressed=true]").get_attribute("data-verdict")
    assert pressed == sides[4]

    def goes_on_where_it_was(_: object) -> bool:  # as soon as the browser has stored the answers
        browser.refresh()
        return browser.find_element("id", "name").text == "photo 6 of 6"

    WebDriverWait(browser, 30).until(goes_on_where_it_was)
    body = browser.find_element("tag name", "body")
    body.send_keys(Keys.ARROW_RIGHT)
    assert browser.find_element("id", "at").get_attribute("value") != "50"
    browser.find_element("css selector", "[data-verdict=same]").click()
    assert "All are judged" in browser.find_element("id", "progress").text
    body.send_keys("s")
    answers = downloaded(browser, "answers.json")
    assert all(address.startswith(("file:", "data:", "blob:")) for address in requested_addresses(browser))
    done = derain("compare", answers, "-o", tmp_path / "result.json", "--blind")
    assert "input is better on 5, darker on 0, no difference on 1 of 6" in done.out.decode() + done.err
    answers.unlink()
