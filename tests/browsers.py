"""A real browser for tests of pages, where one is installed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Headless Chromium, where Selenium, the browser and its driver are installed.

    Its attribute `downloads` is the folder where it saves files.
    """
    webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")
    binary, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if not (binary and driver):
        pytest.skip("Chromium and its driver are not installed")
    downloads = tmp_path_factory.mktemp("downloads")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1000,1400"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chromium = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    chromium.downloads = downloads
    yield chromium
    chromium.quit()


@pytest.fixture
def phone(browser: Any) -> Iterator[Any]:
    """The browser as wide as a small phone."""
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def requested_addresses(browser: Any) -> list[str]:
    """The addresses that the browser has asked for since the last call."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]


def width_of_the_page(browser: Any) -> int:
    return browser.execute_script("return document.documentElement.scrollWidth")


def downloaded(browser: Any, name: str) -> Path:
    """Waits for a file that the browser saves."""
    from selenium.webdriver.support.ui import WebDriverWait

    file = browser.downloads / name
    WebDriverWait(browser, 60).until(lambda _: file.is_file())
    return file
