"""The page of `derain serve` in a real browser, compared with the command line."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from browsers import downloaded, requested_addresses, width_of_the_page
from imaging.raw_files import write_dng
from paired import rain_on, scene
from serving import Server, serving

from deraincli.imaging.formats import FORMATS

pytest.importorskip("fastapi")

DRAWN = "new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
FP32 = ("--device", "cpu", "--precision", "fp32")


@pytest.fixture(scope="module")
def server(small_model: Path) -> Iterator[Server]:
    with serving("-m", small_model, *FP32) as running:
        yield running


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three photos: a PNG, a JPEG with EXIF, and another JPEG of the same name."""
    exif = PIL.Image.Exif()
    exif[0x010E] = "rain on the window"
    named = (("one.png", {}), ("two.jpg", {"exif": exif, "quality": 90}), ("again/two.jpg", {"quality": 90}))
    paths = []
    for seed, (name, options) in enumerate(named):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        PIL.Image.fromarray(rain_on(scene(seed, height=120, width=160), seed)).save(path, **options)
        paths.append(path)
    return paths


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    """The page, which must log no error and ask no other server."""
    for log in ("performance", "browser"):  # which hold what earlier tests asked for
        browser.get_log(log)
    browser.get(server.url)
    yield browser
    logged = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert [message for message in logged if "422" not in message] == []
    addresses = requested_addresses(browser)
    assert addresses
    assert all(address.startswith((server.url, "blob:", "data:")) for address in addresses)


@pytest.fixture
def restored(derain, small_model: Path, tmp_path: Path):
    """What `derain image` makes of a file."""

    def call(source: Path, *options: object) -> bytes:
        target = tmp_path / f"out{source.suffix}"
        done = derain("image", source, "-o", target, "--overwrite", "-m", small_model, *FP32, *options)
        assert done.code == 0, done.err
        return target.read_bytes()

    return call


def wait(page: Any, condition: str) -> None:
    """Waits until an expression of JavaScript holds."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(page, 120).until(lambda browser: browser.execute_script(f"return {condition}"))


def choose(page: Any, *files: Path) -> None:
    page.find_element("id", "files").send_keys("\n".join(map(str, files)))


def choose_and_wait(page: Any, *files: Path) -> None:
    choose(page, *files)
    wait_for_states(page, *["done"] * len(files))


def wait_for_states(page: Any, *states: str) -> None:
    labels = "[...document.querySelectorAll('#photos span:last-child')].map(label => label.textContent)"
    wait(page, f"String({labels}) === '{','.join(states)}'")


def pixels(page: Any, side: str) -> np.ndarray:
    """What a canvas of the viewer holds, H×W×4."""
    height, width, values = page.execute_script(
        "const side = document.getElementById(arguments[0]), {width, height} = side;"
        "return [height, width, [...side.getContext('2d').getImageData(0, 0, width, height).data]];",
        side,
    )
    return np.array(values, np.uint8).reshape(height, width, 4)


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(data)))


def slide(page: Any, identity: str, value: float) -> None:
    page.execute_script(
        "const slider = document.getElementById(arguments[0]); slider.value = arguments[1];"
        "slider.dispatchEvent(new Event('input'));"
        f"return {DRAWN}",
        identity,
        value,
    )


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draws with the pointer over the photo, from and to shares of its width and height."""
    from selenium.webdriver import ActionChains

    stage = page.find_element("id", "stage")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", stage)
    size = stage.size
    (x0, y0), (x1, y1) = (
        (int((x - 0.5) * size["width"]), int((y - 0.5) * size["height"])) for x, y in (start, end)
    )
    actions = ActionChains(page).move_to_element_with_offset(stage, x0, y0).click_and_hold()
    actions.move_by_offset(x1 - x0, y1 - y0).release().perform()
    page.execute_script(
        "return new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
    )


def test_a_chosen_photo_is_restored_and_saved_as_the_command_line_does(page, files, restored) -> None:
    choose_and_wait(page, files[0])
    expected = restored(files[0])
    np.testing.assert_array_equal(pixels(page, "left")[..., :3], decoded(files[0].read_bytes()))
    np.testing.assert_array_equal(pixels(page, "right")[..., :3], decoded(expected))
    assert "small" in page.find_element("id", "facts").text
    page.find_element("id", "download").click()
    assert downloaded(page, "one.derained.png").read_bytes() == expected


def bring(page: Any, content: bytes, name: str, type: str, way: str) -> None:
    """Drops or pastes a file."""
    page.execute_script(
        "const [content, name, type, way] = arguments, data = new DataTransfer();"
        "data.items.add(new File([Uint8Array.from(content)], name, {type}));"
        "const options = {bubbles: true, dataTransfer: data, clipboardData: data};"
        "const Kind = way === 'drop' ? DragEvent : ClipboardEvent;"
        "document.body.dispatchEvent(new Kind(way, options));",
        list(content),
        name,
        type,
        way,
    )


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_photos_can_be_dropped_and_pasted(page, files, way: str) -> None:
    bring(page, files[0].read_bytes(), "one.png", "image/png", way)
    wait_for_states(page, "done")
    assert page.find_element("id", "name").text == "one.png"


def test_the_page_takes_every_format_that_is_read(page, tmp_path, restored) -> None:
    """A browser knows no type of a raw, so its name counts."""
    accepted = page.find_element("id", "files").get_attribute("accept").split(",")
    suffixes = [suffix for format in FORMATS.values() for suffix in format.suffixes]
    assert sorted(accepted) == sorted(["image/*", *suffixes])
    pytest.importorskip("rawpy")
    source = tmp_path / "photo.NEF"
    source.write_bytes(write_dng(scene(1) / 255))
    bring(page, source.read_bytes(), source.name, "", "drop")
    wait_for_states(page, "done")
    page.find_element("id", "download").click()
    assert downloaded(page, "photo.derained.tif").read_bytes() == restored(source, "--format", "tiff")


def test_a_file_of_another_kind_is_not_taken(page) -> None:
    bring(page, b"some text", "notes.txt", "text/plain", "drop")
    assert page.find_element("id", "status").text == "1 of 1 files are no pictures."
    assert page.find_elements("css selector", "#photos li") == []


def test_many_photos_are_saved_as_one_zip_with_their_metadata(page, files, restored) -> None:
    choose_and_wait(page, *files)
    page.find_element("id", "download-all").click()
    with zipfile.ZipFile(downloaded(page, "derained.zip")) as archive:
        assert archive.testzip() is None
        contents = {name: archive.read(name) for name in archive.namelist()}
    names = ["one.derained.png", "two.derained.jpg", "two.derained (2).jpg"]
    assert contents == {name: restored(file) for name, file in zip(names, files, strict=True)}
    exif = PIL.Image.open(io.BytesIO(contents["two.derained.jpg"])).getexif()
    assert exif[0x010E] == "rain on the window"


def test_keys_and_pointer_move_the_slider_and_step_through_the_photos(page, files) -> None:
    from selenium.webdriver import Keys

    choose_and_wait(page, *files[:2])
    body = page.find_element("tag name", "body")
    position = "return +document.getElementById('at').value"
    body.send_keys(Keys.ARROW_RIGHT)
    assert page.execute_script(position) == 52
    drag(page, (0.5, 0.5), (0.8, 0.5))
    assert page.execute_script(position) == pytest.approx(80, abs=2)
    body.send_keys("n")
    assert page.find_element("id", "name").text == "two.jpg"
    body.send_keys("+")
    assert page.execute_script("return document.getElementById('stage').classList.contains('zoomed')")
    body.send_keys("0p")
    assert page.find_element("id", "name").text == "one.png"


def test_the_strength_answers_at_once(page, files) -> None:
    choose_and_wait(page, files[0])
    before, after = (pixels(page, side)[..., :3].astype(float) for side in ("left", "right"))
    for strength in (0, 0.5, 1.5, 1):
        slide(page, "strength", strength)
        mixed = (before + strength * (after - before)).clip(0, 255)
        assert np.abs(pixels(page, "right")[..., :3] - mixed).max() <= 0.5


def test_the_brush_protects_restores_and_is_undone(page, files) -> None:
    choose_and_wait(page, files[0])
    before, after = (pixels(page, side)[..., :3] for side in ("left", "right"))
    assert (before[55:65, 20:60] != after[55:65, 20:60]).any()

    page.find_element("css selector", "[value=protect]").click()
    drag(page, (0.1, 0.5), (0.9, 0.5))
    brushed = pixels(page, "right")[..., :3]
    np.testing.assert_array_equal(brushed[58:62, 20:140], before[58:62, 20:140])
    np.testing.assert_array_equal(brushed[:40], after[:40])

    page.find_element("css selector", "[value=mask]").click()
    drag(page, (0.1, 0.2), (0.9, 0.2))
    brushed = pixels(page, "right")[..., :3]
    np.testing.assert_array_equal(brushed[22:26, 20:140], after[22:26, 20:140])
    np.testing.assert_array_equal(brushed[90:], before[90:])

    for _ in range(2):
        page.find_element("id", "undo").click()
    np.testing.assert_array_equal(pixels(page, "right")[..., :3], after)
    assert not page.find_element("id", "undo").is_enabled()


def test_a_photo_with_strength_and_brush_is_saved_as_it_is_shown(page, files, restored) -> None:
    choose_and_wait(page, files[1])
    slide(page, "strength", 0.5)
    page.find_element("css selector", "[value=protect]").click()
    drag(page, (0.1, 0.5), (0.9, 0.5))
    before, shown = (pixels(page, side)[..., :3].astype(int) for side in ("left", "right"))
    page.find_element("id", "download").click()
    image = PIL.Image.open(downloaded(page, "two.derained.jpg"))
    assert image.getexif()[0x010E] == "rain on the window"
    after = np.asarray(image).astype(int)
    half = decoded(restored(files[1], "--strength", 0.5)).astype(int)
    np.testing.assert_array_equal(after[80:], half[80:])
    brushed = slice(58, 62), slice(20, 140)
    assert np.abs(after - before)[brushed].mean() < np.abs(half - before)[brushed].mean() / 2
    assert np.abs(after - shown).mean() < 2  # JPEG


def test_a_tiff_is_shown_with_the_help_of_the_server(page, tmp_path, files, restored) -> None:
    source = tmp_path / "deep.tif"
    PIL.Image.open(files[0]).save(source)
    choose_and_wait(page, source)
    np.testing.assert_array_equal(pixels(page, "left")[..., :3], decoded(files[0].read_bytes()))
    np.testing.assert_array_equal(pixels(page, "right")[..., :3], decoded(restored(source)))
    page.find_element("id", "download").click()
    assert downloaded(page, "deep.derained.tif").read_bytes() == restored(source)


def test_the_maps_lie_over_the_photo(page, files, server) -> None:
    choose_and_wait(page, files[0])
    assert not pixels(page, "overlay").any()
    page.find_element("css selector", "#shown [value=ram]").click()
    overlay = pixels(page, "overlay")
    answer = server.post("/api/derain?maps=1", files[0].read_bytes()).json
    ram = decoded(base64.b64decode(answer["ram"]))
    assert ram.any()
    np.testing.assert_array_equal(overlay[..., 3], np.rint(0.8 * ram))


def test_a_change_of_the_task_restores_again(page, files) -> None:
    choose_and_wait(page, files[0])
    page.find_element("css selector", "[value=drop]").click()
    wait_for_states(page, "done")
    asked = "performance.getEntriesByType('resource').filter(entry => entry.name.includes('api/derain'))"
    assert page.execute_script(f"return {asked}.length") == 2


def test_a_change_of_the_task_while_a_result_is_shown_restores_again(page, files) -> None:
    page.execute_script("""
        const decode = window.createImageBitmap;
        window.createImageBitmap = async (blob, ...rest) => {
          if (!(blob instanceof File)) {
            window.createImageBitmap = decode;
            document.querySelector("[value=drop]").click();
          }
          return decode(blob, ...rest);
        };""")
    choose_and_wait(page, files[0])
    asked = "performance.getEntriesByType('resource').filter(entry => entry.name.includes('api/derain'))"
    assert page.execute_script(f"return {asked}.length") == 2


def test_a_file_that_is_no_photo_gets_the_sentence_of_the_server(page, files, tmp_path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(files[0].read_bytes()[:5000])
    choose(page, bad, files[0])
    wait_for_states(page, "failed", "done")
    assert "damaged or cut off" in page.find_element("id", "facts").text
    assert not page.find_element("id", "download").is_enabled()
    page.find_element("css selector", "#photos li:last-child button").click()
    assert page.find_element("id", "download").is_enabled()


def test_the_page_fits_a_phone(page, phone, files) -> None:
    assert width_of_the_page(phone) == 360
    choose_and_wait(phone, *files)
    assert width_of_the_page(phone) == 360


def test_every_control_has_a_name_for_screen_readers(page, files) -> None:
    choose_and_wait(page, *files[:2])
    nodes = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = ("button", "slider", "combobox", "radio", "textbox", "link")
    controls = [node for node in nodes if node.get("role", {}).get("value") in roles and not node["ignored"]]
    assert len(controls) > 20
    assert [node for node in controls if not node["name"]["value"]] == []


def test_pictures_and_progress_are_described_to_screen_readers(page, files) -> None:
    choose_and_wait(page, files[0])
    nodes = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    images = [node["name"]["value"] for node in nodes if node.get("role", {}).get("value") == "image"]
    assert {"the photo before", "the photo after"} <= set(images)
    bar = page.find_element("css selector", "progress")
    assert bar.get_attribute("aria-label")
    assert page.find_element("id", "status").get_attribute("role") == "status"


def test_the_tab_key_reaches_every_control(page, files) -> None:
    """Of the buttons of one group of choices, it reaches the chosen one. Arrows change the choice."""
    from selenium.webdriver import ActionChains, Keys

    choose_and_wait(page, *files[:2])
    page.execute_script("scrollTo(0, 0); document.activeElement.blur()")
    name = "(node => node.name || node.id || node.textContent)"
    controls = page.execute_script(
        "const all = document.querySelectorAll('button, input, select, a[href]');"
        "return [...all].filter(node => !node.disabled && node.checkVisibility()"
        f"  && getComputedStyle(node).display !== 'none').map({name})"
    )
    reached = set()
    for _ in range(len(controls) + 2):
        ActionChains(page).send_keys(Keys.TAB).perform()
        reached.add(page.execute_script(f"return {name}(document.activeElement)"))
    assert {"files", "task", "strength", "download", "brush"} <= set(controls) <= reached


CONTRASTS = """
  const channel = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const numbers = colour => colour.match(/[0-9.]+/g).map(Number);
  const light = colour => numbers(colour).slice(0, 3).map(value => channel(value / 255))
    .reduce((sum, value, n) => sum + value * [0.2126, 0.7152, 0.0722][n], 0);
  const opaque = colour => (numbers(colour)[3] ?? 1) === 1;
  const behind = node => {
    for (let at = node; at; at = at.parentElement)
      if (opaque(getComputedStyle(at).backgroundColor)) return getComputedStyle(at).backgroundColor;
    return "rgb(255, 255, 255)";
  };
  const texts = [...document.querySelectorAll("body *")].filter(node =>
    node.checkVisibility() && !node.disabled &&
    [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()));
  return texts.map(node => {
    const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((a, b) => b - a);
    return [node.textContent.trim(), (a + 0.05) / (b + 0.05)];
  });"""
"""Every text with its contrast to what is behind it, by the formula of WCAG 2."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_is_readable_in_light_and_in_dark_colours(page, files, tmp_path, scheme: str) -> None:
    """WCAG asks for a contrast of 4.5."""
    bad = tmp_path / "bad.png"
    bad.write_bytes(files[0].read_bytes()[:5000])
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        choose(page, bad, files[0])
        wait_for_states(page, "failed", "done")
        background = page.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert (max(map(int, re.findall(r"\d+", background)[:3])) < 128) == (scheme == "dark")
        texts = page.execute_script(CONTRASTS)
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert len(texts) > 20
    assert [text for text in texts if text[1] < 4.5] == []


def test_the_description_of_the_interface_needs_no_other_server(page, server) -> None:
    page.get(f"{server.url}docs")
    wait(page, "document.querySelectorAll('h2').length === 3")
    assert "Retry-After" in page.find_element("id", "operations").text
