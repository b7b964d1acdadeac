"""The static page in a real browser: no pixel leaves it, and it makes what the command line makes."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import skimage.data
import yaml
from browsers import downloaded, requested_addresses
from hosting import hosting
from paired import faint_drops, rain_on, scene
from test_page import choose, decoded, drag, pixels, wait, wait_for_states

from deraincli.errors import InputError
from deraincli.model_zoo.catalogue import AUTO_MODEL, SHIPPED
from deraincli.serve import static_site, web_runtime

EXAMPLES = Path(__file__).parents[2] / "examples"
FP32 = ("--device", "cpu", "--precision", "fp32")
FIRST_VISIT = 15e6
"""Largest size of the files that a first visit fetches, bytes."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static page with both members of the automatic model."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("site")
    models = [model for model in static_site.shipped_models() if model.name in AUTO_MODEL.members.values()]
    try:
        static_site.write_site(folder, models, overwrite=True)
    except InputError as error:
        pytest.skip(f"onnxruntime-web cannot be fetched: {error}")
    return folder


@pytest.fixture(scope="module")
def page(browser: Any, site: Path) -> Iterator[Any]:
    """The page after a first visit, which asked its own server alone. `host` is that server."""
    with hosting(site) as host:
        browser.get_log("performance")
        browser.get(host.url)
        wait(browser, "crossOriginIsolated && document.querySelectorAll('#model option').length > 1")
        browser.host = host
        yield browser
        addresses = requested_addresses(browser)
        assert all(address.startswith((host.url, "blob:", "data:")) for address in addresses)


@pytest.fixture
def restored(derain, tmp_path: Path):
    """What `derain image` makes of a file in fp32."""

    def call(source: Path, *options: object) -> np.ndarray:
        target = tmp_path / f"out{source.suffix}"
        assert derain("image", source, "-o", target, "--overwrite", *FP32, *options).code == 0
        return decoded(target.read_bytes())

    return call


def rainy(path: Path, height: int, width: int, **options: object) -> Path:
    PIL.Image.fromarray(rain_on(scene(5, height=height, width=width), 5)).save(path, **options)
    return path


def restore(page: Any, file: Path, task: str) -> None:
    """Restores one file with a task, and no other file."""
    page.execute_script(
        "while (!document.getElementById('viewer').hidden) document.getElementById('remove').click()"
    )
    page.find_element("css selector", f"[name=task][value={task}]").click()
    choose(page, file)
    wait_for_states(page, "done")


def rainy_coffee() -> np.ndarray:
    """The example with streaks."""
    return np.asarray(PIL.Image.open(EXAMPLES / "rainy_coffee.jpg"))


@pytest.mark.parametrize(
    ("height", "width", "task"), [(50, 70, "auto"), (610, 620, "streak")], ids=["small", "large"]
)
def test_the_browser_makes_what_the_command_line_makes(page, restored, tmp_path, height, width, task) -> None:
    file = rainy(tmp_path / "in.png", height, width)
    restore(page, file, task)
    difference = np.abs(pixels(page, "right")[..., :3].astype(int) - restored(file, "--task", task))
    assert difference.max() <= 2
    assert difference.mean() < 0.05


@pytest.mark.parametrize(
    ("photo", "drops", "model"),
    [
        (skimage.data.coffee, 0.3, "balnet-lite-streak"),
        (skimage.data.astronaut, 0.5, "balnet-lite-drop"),
        (rainy_coffee, 1, "balnet-lite-drop and balnet-lite-streak"),
    ],
    ids=["doubt-streak", "doubt-drop", "both"],
)
def test_the_browser_chooses_as_the_command_line_does(
    page, derain, tmp_path, photo: Callable[[], np.ndarray], drops: float, model: str
) -> None:
    """In the first two pictures the classifier is in doubt, so windows of the picture decide."""
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    PIL.Image.fromarray(faint_drops(photo()[:160, :200], drops)).save(source)
    done = derain("image", source, "-o", target, "--json", *FP32)
    record = json.loads(done.out)
    assert record["model"] == model
    restore(page, source, "auto")
    facts = page.find_element("id", "facts").text
    chances = {kind: f"{record['rain'][kind]:.0%}".replace("%", " %") for kind in ("streaks", "drops")}
    chosen = f"streaks {chances['streaks']}, drops on the lens {chances['drops']} probable · {model} ·"
    assert chosen in facts
    assert ("--task drop" in done.err) == ("choose “drops on the lens”" in facts)
    difference = np.abs(pixels(page, "right")[..., :3].astype(int) - decoded(target.read_bytes()))
    assert difference.max() <= 2


def test_the_maps_are_shown_and_the_brush_is_saved(page, restored, tmp_path) -> None:
    exif = PIL.Image.Exif()
    exif[0x010E], exif[0x0112] = "rain on the window", 3
    file = rainy(tmp_path / "turned.jpg", 60, 80, quality=95, exif=exif)
    restore(page, file, "streak")
    page.find_element("css selector", "#shown [value=ram]").click()
    assert pixels(page, "overlay")[..., 3].any()
    page.find_element("css selector", "[name=brush][value=protect]").click()
    drag(page, (0, 0.5), (1, 0.5))
    shown = pixels(page, "right")[..., :3].astype(int)
    page.find_element("css selector", "[name=brush][value='']").click()
    page.find_element("id", "download").click()
    saved = PIL.Image.open(io.BytesIO(downloaded(page, "turned.derained.jpg").read_bytes()))
    assert (saved.getexif()[0x010E], saved.getexif()[0x0112]) == ("rain on the window", 1)
    assert np.abs(np.asarray(saved).astype(int) - shown).mean() < 3


def test_it_works_offline_after_the_first_visit(page, tmp_path) -> None:
    models = [f"{name}.onnx" for name in AUTO_MODEL.members.values()]
    kept = f"Promise.all({json.dumps(models)}.map(file => caches.match(file)))"
    wait(page, f"{kept}.then(models => models.every(Boolean))")  # they are fetched after the page is ready
    sent = list(page.host.sent)
    assert 5e6 < sum(sent) < FIRST_VISIT
    page.execute_cdp_cmd("Network.enable", {})
    conditions = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)
    page.host.shutdown()
    try:
        page.get(page.host.url)
        wait(page, "document.querySelectorAll('#model option').length > 1")
        restore(page, rainy(tmp_path / "offline.png", 40, 50), "drop")
        assert page.host.sent == sent
    finally:
        page.execute_cdp_cmd("Network.emulateNetworkConditions", conditions | {"offline": False})


@pytest.fixture
def linked(browser: Any, site: Path, tmp_path: Path) -> Iterator[Path]:
    """A site of links to the files of the other one. What it asks for is not held against that."""
    folder = tmp_path / "linked"
    folder.mkdir()
    for file in site.iterdir():
        (folder / file.name).symlink_to(file)
    yield folder
    requested_addresses(browser)


@pytest.mark.parametrize("room", [1000, 2_000_000], ids=["none", "little"])
def test_it_works_without_room_for_its_files(browser, linked: Path, tmp_path: Path, room: int) -> None:
    with hosting(linked) as host:
        quota = {"origin": host.url.rstrip("/"), "quotaSize": room}
        browser.execute_cdp_cmd("Storage.overrideQuotaForOrigin", quota)
        browser.get(host.url)
        wait(browser, "document.querySelectorAll('#model option').length > 1")
        restore(browser, rainy(tmp_path / "photo.png", 40, 50), "streak")


def test_a_model_that_could_not_be_fetched_is_fetched_for_the_next_photo(
    browser, linked: Path, tmp_path: Path
) -> None:
    model = linked / f"{AUTO_MODEL.members['streak']}.onnx"
    away = model.rename(tmp_path / model.name)
    with hosting(linked) as host:
        browser.get(host.url)
        wait(browser, "document.querySelectorAll('#model option').length > 1")
        browser.find_element("css selector", "[name=task][value=streak]").click()
        choose(browser, rainy(tmp_path / "photo.png", 40, 50))
        wait_for_states(browser, "failed")
        away.rename(model)
        choose(browser, rainy(tmp_path / "next.png", 40, 50))
        wait_for_states(browser, "failed", "done")


def test_a_site_is_complete_and_replaces_nothing_unasked(site: Path, derain) -> None:
    page = (site / "index.html").read_text()
    assert 'data-restorer="browser"' in page
    assert "wasm-unsafe-eval" in page
    assert set(json.loads((site / static_site.SHELL).read_text())) <= {file.name for file in site.iterdir()}
    licences = (site / "LICENCES.txt").read_text()
    assert web_runtime.VERSION in licences
    assert all(model.licence in licences for model in SHIPPED.values())
    assert "VERSION_OF_THE_FILES" not in (site / static_site.WORKER).read_text()
    refused = derain("serve", "--static", site)
    assert refused.code == 1
    assert "add --overwrite" in refused.err


def test_the_settings_of_a_space_fit_the_site(site: Path) -> None:
    text = (Path(__file__).parents[2] / "examples/space/README.md").read_text(encoding="utf-8")
    settings = yaml.safe_load(text.split("---")[1])
    assert settings["sdk"] == "static"
    assert (site / settings["app_file"]).is_file()
    assert (site / settings["license_link"]).is_file()
    worker = (site / static_site.WORKER).read_text().lower()
    assert all(f'"{header}"' in worker for header in settings["custom_headers"])


def test_a_runtime_that_is_not_the_pinned_one_is_refused(tmp_path, monkeypatch) -> None:
    other = tmp_path / "other.tgz"
    other.write_bytes(b"something else")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(web_runtime, "URL", other.as_uri())
    with pytest.raises(InputError, match="not the package that this version expects"):
        web_runtime.runtime_files()
    monkeypatch.setattr(web_runtime, "URL", (tmp_path / "missing.tgz").as_uri())
    with pytest.raises(InputError, match="connect to the network"):
        web_runtime.runtime_files()


def test_a_runtime_whose_download_breaks_off_is_one_sentence(tmp_path, monkeypatch) -> None:
    def break_off() -> None:
        client, _ = listening.accept()
        with client:
            client.recv(65536)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setattr(web_runtime, "URL", f"http://127.0.0.1:{listening.getsockname()[1]}/")
        threading.Thread(target=break_off, daemon=True).start()
        with pytest.raises(InputError, match="cannot be fetched"):
            web_runtime.runtime_files()
