"""The page of `derain attn --html`: what is on it, and how it behaves in a browser."""

import base64
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from browsers import requested_addresses, width_of_the_page
from paired import rain_on, scene, write_picture
from tiny_models import model_with_maps

from deraincli.attention_maps.render import heat_map

ON_CPU = ("--device", "cpu", "--precision", "fp32", "--tile", "off", "--figure", "none")
LEVELS = ["full size", *(f"level {n}: 1/{2 ** (n + 1)} of the working size" for n in range(3))]


@pytest.fixture
def page(derain, tmp_path) -> Path:
    photo = write_picture(tmp_path / "photo.png", rain_on(scene(0, 96, 128), 0))
    done = derain(
        "attn", photo, "-o", tmp_path, "-m", model_with_maps(tmp_path, "balnet-lite"), *ON_CPU, "--html"
    )
    assert done.code == 0, done.err
    return tmp_path / "photo.maps.html"


def report(page: Path) -> dict:
    (data,) = re.findall(
        r'<script type="application/json" id="report">(.*?)</script>', page.read_text(encoding="utf-8")
    )
    return json.loads(data)


def shown(url: str) -> np.ndarray:
    data = base64.b64decode(url.partition("base64,")[2])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(float)


def test_every_level_has_both_maps_and_their_numbers(page):
    """The level n is the mean over squares of the whole map, as `npy` holds it."""
    levels = report(page)["comparisons"]
    assert [level["name"] for level in levels] == LEVELS
    for name in ("ram", "cam"):
        whole = np.load(page.with_name(f"photo.{name}.npy"))
        for stride, level in zip((1, 2, 4, 8), levels, strict=True):
            height, width = (side // stride for side in whole.shape)
            means = whole.reshape(height, stride, width, stride).mean((1, 3))
            expected = np.kron(means, np.ones((stride, stride), np.float32))
            picture = shown(level["views"][name.upper()])
            assert np.abs(picture - heat_map(expected)).mean() < 8  # the page embeds it as lossy WebP
            assert f"mean {whole.mean():.3f}" in level["notes"][name.upper()]
            cells = dict(zip(report(page)["listed"], level["cells"], strict=True))
            assert float(cells[f"{name.upper()} mean"]) == pytest.approx(whole.mean(), abs=0.001)
            share = float(cells[f"{name.upper()} above 0.5"])
            assert share == pytest.approx((expected > 0.5).mean(), abs=0.002)


def test_keys_go_from_level_to_level_and_keep_both_sides(page, browser):
    from selenium.webdriver.common.keys import Keys

    requested_addresses(browser)
    browser.get(page.as_uri())
    body = browser.find_element("tag name", "body")

    def text(key: str) -> str:
        return browser.find_element("id", key).text

    def alternatives() -> list[str]:
        return [browser.find_element("id", side).get_attribute("alt") for side in ("left", "right")]

    assert browser.find_element("id", "all").text.startswith("All levels")
    assert text("name") == LEVELS[0]
    assert alternatives() == ["full size: RAM", "full size: CAM"]
    assert "above 0.5" in text("note-left")
    body.send_keys(Keys.SHIFT + "3")
    body.send_keys("n")
    assert text("name") == LEVELS[1]
    assert alternatives() == [f"{LEVELS[1]}: photo", f"{LEVELS[1]}: CAM"]
    body.send_keys("p", "p")
    assert text("name") == LEVELS[3]
    body.send_keys(Keys.ARROW_RIGHT)
    assert browser.find_element("id", "at").get_attribute("value") == "52"
    for key in ("name", "note-left", "note-right"):  # a screen reader says what a key has changed
        assert browser.find_element("id", key).get_attribute("aria-live") == "polite"
    for control in browser.find_elements("css selector", ":is(button, select, input)"):
        assert control.accessible_name or not control.is_displayed(), control.get_attribute("outerHTML")
    assert all(address.startswith(("file:", "data:")) for address in requested_addresses(browser))


def test_the_page_fits_a_phone(page, phone):
    phone.get(page.as_uri())
    assert width_of_the_page(phone) <= 360
