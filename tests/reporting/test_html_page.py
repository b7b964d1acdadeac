"""The HTML page: what is in it, how large it gets, and, where a browser is installed, how it behaves."""

import base64
import json
import re
from functools import partial

import cv2
import numpy as np
import pytest
from browsers import requested_addresses, width_of_the_page
from paired import rain_on, scene

from deraincli.reporting import html_page
from deraincli.reporting.html_page import Comparison, Histogram, Table, render

NASTY = '</script><img src=x onerror="alert(1)"> & ü'


def states(seed: int, **size: int):
    clean = scene(seed, **size)
    return {"input": rain_on(clean, seed), "net": cv2.medianBlur(clean, 3), "ground truth": clean}


def page(count: int = 3, **size: int) -> str:
    names = [NASTY, *(f"picture {n}" for n in range(1, count))]
    return render(
        "A title",
        ["protocol rgb", "two facts"],
        tables=[Table("Scores", ("model", "PSNR"), [("net", "30.00"), ("input", "25.00")])],
        histogram=Histogram("PSNR of the pictures", "dB", {"input": [25.0, 24.0], "net": [30.0, 31.5]}),
        listed=("PSNR",),
        comparisons=[
            Comparison(name, f"caption {n}", (f"{n}.00",), partial(states, n, **size), {"net": f"{n} dB"})
            for n, name in enumerate(names)
        ],
        truth="ground truth",
    )


def content(html: str) -> dict:
    (data,) = re.findall(r'<script type="application/json" id="report">(.*?)</script>', html, re.DOTALL)
    return json.loads(data)


def decoded(url: str) -> np.ndarray:
    data = base64.b64decode(url.removeprefix("data:image/webp;base64,"))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_pictures_are_embedded_at_full_size_and_look_like_themselves():
    picture = content(page())["comparisons"][0]
    assert picture["name"] == NASTY
    assert not picture["small"]
    assert list(picture["views"]) == ["input", "net", "ground truth"]
    for label, pixels in states(0).items():
        shown = decoded(picture["views"][label])
        assert shown.shape == pixels.shape
        assert np.abs(shown.astype(int) - pixels).mean() < 5


def test_the_page_refers_to_nothing_outside_itself():
    html = page()
    assert (
        re.findall(r'(?:src|href)\s*=\s*"?(?!data:)[^"\s>]+', html.split('<script type="application')[0])
        == []
    )
    assert "default-src 'none'" in html
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)


def test_beyond_the_first_pictures_there_are_thumbnails(monkeypatch):
    monkeypatch.setattr(html_page, "FULL_SIZE_COUNT", 2)
    pictures = content(page(3, height=300, width=520))["comparisons"]
    assert [picture["small"] for picture in pictures] == [False, False, True]
    assert decoded(pictures[2]["views"]["net"]).shape == (148, 256, 3)


def test_the_page_stays_below_its_limit(monkeypatch):
    """Noise hardly compresses: 20 such pictures would take several times a page of a tenth of the size."""
    monkeypatch.setattr(html_page, "PAGE_BYTES", html_page.PAGE_BYTES // 10)
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    comparisons = [Comparison(str(n), "", (), lambda: {"input": noise}) for n in range(20)]

    html = render("A title", [], comparisons=comparisons)

    sides = [decoded(picture["views"]["input"]).shape[0] for picture in content(html)["comparisons"]]
    assert len(html.encode()) < html_page.PAGE_BYTES
    assert (sides[0], sides[-1]) == (600, 256)
    assert sides == sorted(sides, reverse=True)


def test_what_has_no_room_at_all_keeps_its_row(monkeypatch):
    monkeypatch.setattr(html_page, "PAGE_BYTES", 1)
    pictures = content(page())["comparisons"]
    assert [(picture["views"], picture["cells"]) for picture in pictures] == [
        ({}, [f"{n}.00"]) for n in range(3)
    ]


@pytest.mark.parametrize(("dtype", "channels"), [(np.uint16, 3), (np.uint16, 1), (np.uint8, 1)])
def test_deep_and_grey_pictures_can_be_shown(dtype, channels):
    pixels = (scene(1, height=20, width=300)[..., :channels].astype(dtype)) * (
        257 if dtype is np.uint16 else 1
    )
    html = render("A title", [], comparisons=[Comparison("it", "", (), lambda: {"input": pixels})])
    shown = decoded(content(html)["comparisons"][0]["views"]["input"])
    assert np.abs(shown - (pixels / (257 if dtype is np.uint16 else 1))).mean() < 5


def test_exact_pictures_are_embedded_without_loss_where_they_fit(monkeypatch):
    def embedded() -> str:
        html = render("A title", [], comparisons=[Comparison("it", "", (), partial(states, 0))], exact=True)
        return content(html)["comparisons"][0]["views"]["input"]

    data = base64.b64decode(embedded().removeprefix("data:image/png;base64,"))
    exact = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(exact, states(0)["input"])
    monkeypatch.setattr(html_page, "PAGE_BYTES", 15_000)
    assert embedded().startswith("data:image/webp")


def test_a_page_needs_no_pictures():
    assert content(render("A title", ["a fact"]))["comparisons"] == []


@pytest.fixture
def opened(browser, tmp_path):
    """The browser with the page open from a file; it must log no error and make no network request."""
    file = tmp_path / "report.html"
    file.write_text(page(), encoding="utf-8")
    for earlier in ("performance", "browser"):  # of other pages
        browser.get_log(earlier)
    browser.get(file.as_uri())
    yield browser
    assert browser.get_log("browser") == []
    urls = requested_addresses(browser)
    assert urls
    assert all(url.startswith(("data:", "file:")) for url in urls)


def press(browser, *keys: str) -> None:
    browser.switch_to.active_element.send_keys(*keys)


def divider(browser) -> float:
    """Where the left picture ends, as a share of the stage's width, as drawn."""
    return browser.execute_script(
        """const box = id => document.getElementById(id).getBoundingClientRect();
        return (box("edge").left + box("edge").width / 2 - box("stage").left) / box("stage").width;"""
    )


def shown(browser, side: str) -> str:
    return browser.find_element("id", side).get_attribute("alt")


def test_browser_shows_table_histogram_and_pictures(opened):
    assert opened.title == "A title"
    assert "net 30.00" in opened.find_element("id", "tables").text
    assert len(opened.find_elements("css selector", "#histogram rect title")) == 4
    assert opened.find_element("id", "name").text == NASTY
    assert (shown(opened, "left"), shown(opened, "right")) == (f"{NASTY}: input", f"{NASTY}: net")
    assert opened.execute_script("return document.getElementById('right').naturalWidth") == 64


def test_browser_breaks_long_names_rather_than_scrolling(browser, tmp_path):
    name = "l" * 251 + ".png"
    comparisons = [Comparison(name, "", ("1",), partial(states, n)) for n in range(2)]
    failed = Table("Failed", ("picture", "reason"), [(f"/somewhere/{name}", f"'{name}' is empty.")])
    file = tmp_path / "long.html"
    file.write_text(render(name, [name], tables=[failed], listed=("size",), comparisons=comparisons))
    browser.get(file.as_uri())
    overhangs = browser.execute_script(
        "return [document.scrollingElement, ...document.querySelectorAll('.scroll, .tall')]"
        ".map(box => box.scrollWidth - box.clientWidth)"
    )
    assert overhangs == [0, 0, 0]


def test_browser_slider_moves_by_keyboard_and_pointer(opened):
    from selenium.webdriver import ActionChains, Keys

    assert divider(opened) == pytest.approx(0.5, abs=0.01)
    press(opened, Keys.ARROW_RIGHT)
    assert divider(opened) == pytest.approx(0.52, abs=0.01)
    opened.find_element("id", "at").send_keys(Keys.HOME)
    assert divider(opened) == pytest.approx(0, abs=0.02)
    stage = opened.find_element("id", "stage")
    ActionChains(opened).move_to_element(stage).click_and_hold().move_by_offset(80, 0).release().perform()
    assert divider(opened) == pytest.approx(0.75, abs=0.02)  # the stage is 320 pixels wide


def test_browser_keys_change_the_picture_and_show_the_ground_truth(opened):
    from selenium.webdriver import ActionChains

    press(opened, "n")
    assert opened.find_element("id", "name").text == "picture 1"
    press(opened, "pp")
    assert opened.find_element("id", "name").text == "picture 2"
    ActionChains(opened).key_down("g").perform()
    assert shown(opened, "right") == "picture 2: ground truth"
    assert not opened.find_element("id", "left").is_displayed()
    ActionChains(opened).key_up("g").perform()
    assert shown(opened, "right") == "picture 2: net"
    opened.find_elements("css selector", "#list button")[1].click()
    assert opened.find_element("id", "name").text == "picture 1"


@pytest.fixture
def long_list(opened, tmp_path):
    """The browser with a list of 120 pictures. Every seventh one, from number 0 on, hardly changed."""
    comparisons = [
        Comparison(f"IMG_{n:03}.jpg", "", ("hardly" if n % 7 == 0 else "12 %",), partial(states, n))
        for n in range(120)
    ]
    file = tmp_path / "long_list.html"
    file.write_text(render("it", [], listed=("changed",), comparisons=comparisons), encoding="utf-8")
    opened.get(file.as_uri())
    return opened


def listed(browser) -> list[str]:
    """Names in the rows that the list shows."""
    return browser.execute_script(
        "return [...document.querySelectorAll('#list tbody button span')].map(name => name.textContent)"
    )


def search(browser, text: str) -> None:
    """Types into the search box in place of what it holds."""
    from selenium.webdriver import Keys

    browser.find_element("id", "find").send_keys(Keys.CONTROL, "a", Keys.NULL, text or Keys.BACK_SPACE)


def names(numbers) -> list[str]:
    return [f"IMG_{n:03}.jpg" for n in numbers]


def test_browser_lists_many_pictures_on_pages(long_list):
    back, on = (long_list.find_element("id", name) for name in ("list-back", "list-on"))
    assert listed(long_list) == names(range(50))
    assert (back.is_enabled(), on.is_enabled()) == (False, True)
    on.click()
    assert listed(long_list) == names(range(50, 100))
    assert (back.is_enabled(), on.is_enabled()) == (True, True)
    on.click()
    assert listed(long_list) == names(range(100, 120))
    assert long_list.find_element("id", "rows").text == "101–120 of 120"
    assert (back.is_enabled(), on.is_enabled()) == (True, False)
    back.click()
    assert listed(long_list) == names(range(50, 100))
    long_list.find_elements("css selector", "#list button")[2].click()
    assert long_list.find_element("id", "name").text == "IMG_052.jpg"


def test_browser_turns_the_list_to_the_picture_that_is_shown(long_list):
    press(long_list, "p")
    assert long_list.find_element("id", "name").text == "IMG_119.jpg"
    assert listed(long_list) == names(range(100, 120))
    assert "IMG_119.jpg" in long_list.find_element("css selector", "#list tr.current").text
    press(long_list, "n")
    assert listed(long_list) == names(range(50))
    assert "IMG_000.jpg" in long_list.find_element("css selector", "#list tr.current").text


def test_browser_finds_pictures_by_name_and_by_cell(long_list):
    rows = long_list.find_element("id", "rows")
    long_list.find_element("id", "list-on").click()
    search(long_list, "HARDLY")
    assert listed(long_list) == names(range(0, 120, 7))
    assert rows.text == "1–18 of 18"
    assert long_list.find_element("id", "name").text == "IMG_000.jpg"  # letters in the box are no shortcuts
    long_list.find_element("id", "next").click()
    assert long_list.find_element("id", "name").text == "IMG_007.jpg"  # the next that was found
    search(long_list, "img_11")
    assert listed(long_list) == names(range(110, 120))
    long_list.find_element("id", "previous").click()
    assert long_list.find_element("id", "name").text == "IMG_119.jpg"  # the one shown before was not found
    search(long_list, "nothing such")
    assert listed(long_list) == []
    assert rows.text == "none of 120"
    long_list.find_element("id", "next").click()
    assert long_list.find_element("id", "name").text == "IMG_119.jpg"
    search(long_list, "")
    assert listed(long_list) == names(range(50))


def view(browser, side: str = "right") -> list[float]:
    """Magnification, and the share of the picture beyond the stage's left and upper edge, as drawn."""
    return browser.execute_script(
        """const box = id => document.getElementById(id).getBoundingClientRect();
        const stage = box("stage"), image = box(arguments[0]);
        return [image.width / stage.width, (stage.left - image.left) / image.width,
          (stage.top - image.top) / image.height];""",
        side,
    )


def percent(browser) -> str:
    return browser.find_element("id", "percent").text


def test_browser_zooms_and_pans_both_sides_together(opened):
    from selenium.webdriver import ActionChains, Keys

    assert percent(opened) == "500%"  # 64 pixels fill 320
    opened.find_element("id", "zoom-in").click()
    opened.find_element("id", "zoom-in").click()
    assert percent(opened) == "2000%"
    assert view(opened) == pytest.approx([4, 3 / 8, 3 / 8], abs=0.01)  # the middle stays
    stage = opened.find_element("id", "stage")
    ActionChains(opened).move_to_element_with_offset(stage, 20, 15).click_and_hold().move_by_offset(
        -80, -60
    ).release().perform()
    assert view(opened) == pytest.approx([4, 3 / 8 + 1 / 16, 3 / 8 + 1 / 16], abs=0.01)
    assert view(opened, "left") == pytest.approx(view(opened, "right"), abs=0.01)
    assert divider(opened) == pytest.approx(0.5, abs=0.02)  # dragging the picture leaves the slider
    press(opened, Keys.SHIFT, *[Keys.ARROW_RIGHT] * 20)
    assert view(opened)[1] == pytest.approx(3 / 4, abs=0.01)  # no further than its end
    opened.find_element("id", "zoom-actual").click()
    assert percent(opened) == "100%"
    assert view(opened) == pytest.approx([1 / 5, -2, -2], abs=0.01)  # in the middle of the stage
    press(opened, "0")
    assert view(opened) == pytest.approx([1, 0, 0], abs=0.01)


def test_browser_wheel_zooms_only_with_control(opened):
    box = opened.execute_script("return document.getElementById('stage').getBoundingClientRect()")

    def wheel(modifiers: int) -> None:
        event = {"type": "mouseWheel", "x": box["left"] + 80, "y": box["top"] + 60, "modifiers": modifiers}
        opened.execute_cdp_cmd("Input.dispatchMouseEvent", event | {"deltaX": 0, "deltaY": -200})

    wheel(0)
    assert view(opened)[0] == 1
    wheel(2)
    assert view(opened) == pytest.approx([2, 1 / 8, 1 / 8], abs=0.01)  # what was under the pointer stays
    wheel(0)
    assert view(opened)[0] == pytest.approx(2)  # without Control, the page scrolls though it is zoomed


def test_browser_pinching_zooms_and_leaves_the_slider(opened):
    box = opened.execute_script("return document.getElementById('stage').getBoundingClientRect()")
    middle = {"x": box["left"] + box["width"] / 2, "y": box["top"] + box["height"] / 2}

    def touch(kind: str, *places: float) -> None:
        points = [{"x": middle["x"] + x, "y": middle["y"], "id": n} for n, x in enumerate(places)]
        opened.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", -40)
    touch("touchStart", -40, 40)
    for reach in (60, 80, 100, 120):
        touch("touchMove", -reach, reach)
    touch("touchEnd")
    assert view(opened)[0] == pytest.approx(3, abs=0.1)
    assert divider(opened) == pytest.approx(0.5, abs=0.01)


def test_browser_shows_the_difference(opened, tmp_path):
    press(opened, "d")
    assert opened.find_element("id", "mode").get_attribute("value") == "difference ×4"
    shot = cv2.imdecode(
        np.frombuffer(opened.find_element("id", "views").screenshot_as_png, np.uint8), cv2.IMREAD_COLOR
    )
    page_states = content((tmp_path / "report.html").read_text(encoding="utf-8"))["comparisons"][0]["views"]
    left, right = (decoded(page_states[label]).astype(int) for label in ("input", "net"))
    difference = np.clip(4 * np.abs(left - right), 0, 255).repeat(5, 0).repeat(5, 1)
    assert np.abs(shot[..., ::-1] - difference).mean() < 4
    press(opened, "d")
    assert opened.find_element("id", "mode").get_attribute("value") == "slider"


def test_browser_digits_choose_a_side(opened):
    from selenium.webdriver import ActionChains, Keys

    press(opened, "3")
    assert shown(opened, "right") == f"{NASTY}: ground truth"
    ActionChains(opened).key_down(Keys.SHIFT).send_keys("2").key_up(Keys.SHIFT).perform()
    assert shown(opened, "left") == f"{NASTY}: net"
    assert opened.find_element("id", "note-left").text == "0 dB"
    assert opened.find_element("id", "note-right").text == ""


def test_browser_fits_a_phone(opened, phone):
    assert width_of_the_page(phone) == 360


def test_browser_shows_the_thumbnails_of_a_list_side_by_side_on_a_phone(long_list, phone):
    assert width_of_the_page(phone) == 360
    left, right = phone.find_elements("css selector", "#list tbody tr:first-child img")
    assert left.location["y"] == right.location["y"]
    assert left.location["x"] + left.size["width"] <= right.location["x"]


def test_browser_shows_scores_beside_long_names_on_a_phone(phone, tmp_path):
    name = "balnet-lite (balnet-lite-streak) of_a_photo_with_a_name_that_hardly_ends.safetensors"
    comparison = Comparison(name, "", (), lambda: {"input": scene(0), name: scene(1)})
    table = Table("Scores", ("version", "PSNR", "SSIM"), [(name, "30.00", "0.9000")])
    file = tmp_path / "page.html"
    file.write_text(render(name, [name], tables=[table], comparisons=[comparison]), encoding="utf-8")
    phone.get(file.as_uri())
    assert width_of_the_page(phone) == 360
    ends = phone.execute_script(
        "return [...document.querySelectorAll('#tables td')].map(cell => cell.getBoundingClientRect().right)"
    )
    assert max(ends) <= 360


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (120, 160), (100, 8), (3, 400), (3000, 90), (900, 2000)]
)
def test_browser_enlarges_small_pictures_and_keeps_their_shape(browser, tmp_path, height, width):
    pixels = np.zeros((height, width, 3), np.uint8)
    file = tmp_path / "page.html"
    html = render(
        "it", [], comparisons=[Comparison("it", "", (), lambda: {"a": pixels, "b": pixels})], exact=True
    )
    file.write_text(html, encoding="utf-8")
    browser.get(file.as_uri())
    shown_width, shown_height, rendering = browser.execute_script(
        """const image = document.getElementById("right"), box = image.getBoundingClientRect();
        return [box.width, box.height, getComputedStyle(image).imageRendering];"""
    )
    assert shown_width / shown_height == pytest.approx(width / height, rel=0.03)
    assert shown_width >= min(320, 0.7 * 1200 / height * width)
    assert float(percent(browser).removesuffix("%")) == pytest.approx(100 * shown_width / width, rel=0.03)
    assert (rendering == "pixelated") == (shown_width >= 2 * width)
