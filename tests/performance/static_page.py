"""Measures the static page of `derain serve` in Chromium, through WebAssembly.

    python tests/performance/static_page.py [SITE]

SITE is a folder that `derain serve --static` wrote. It is written anew without. Reports what a first visit
fetches, and for a photo of one megapixel the time, the CPU time and the memory of the whole browser.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import psutil
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "serve")]
from hosting import hosting
from paired import rain_on, scene

from deraincli.serve.static_site import shipped_models, write_site

SIDE = 1000


def open_browser() -> Any:
    """Headless Chromium with its driver."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in ("--headless=new", "--no-sandbox"):
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def processes(browser: Any) -> list[psutil.Process]:
    """The processes of the browser."""
    return psutil.Process(browser.service.process.pid).children(recursive=True)


def cpu_seconds(browser: Any) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes(browser))


class Peak(threading.Thread):
    """Watches the private memory of the browser, and keeps the largest sum."""

    def __init__(self, browser: Any) -> None:
        super().__init__(daemon=True)
        self.browser, self.bytes, self.ended = browser, 0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            used = sum(process.memory_full_info().uss for process in processes(self.browser))
            self.bytes = max(self.bytes, used)


def measured(browser: Any, what: str, work: Callable[[], None]) -> None:
    """Runs some work and prints what it took."""
    start, cpu, peak = time.perf_counter(), cpu_seconds(browser), Peak(browser)
    work()
    peak.ended.set()
    seconds, used = time.perf_counter() - start, cpu_seconds(browser) - cpu
    print(
        f"{what}: {seconds:.1f} s, {used:.1f} s of CPU time, at most {peak.bytes / 2**20:.0f} MiB", flush=True
    )


def main(site: Path, photo: Path) -> None:
    """Visits the page, and restores a photo twice: with the model chosen, and with a task."""
    PIL.Image.fromarray(rain_on(scene(0, height=SIDE, width=SIDE), 0)).save(photo)
    browser = open_browser()

    def wait(condition: str) -> None:
        WebDriverWait(browser, 900, 1).until(lambda _: browser.execute_script(f"return {condition}"))

    def restore(task: str) -> None:
        browser.find_element("css selector", f"[name=task][value={task}]").click()
        if task == "auto":
            browser.find_element("id", "files").send_keys(str(photo))
        wait("document.querySelector('#photos span:last-child').textContent === 'done'")

    with hosting(site) as host:
        browser.get(host.url)
        wait("crossOriginIsolated && document.querySelectorAll('#model option').length > 1")
        print("threads:", browser.execute_script("return navigator.hardwareConcurrency"))
        measured(browser, "first photo, automatic choice, models loaded", lambda: restore("auto"))
        measured(browser, "again, with a task", lambda: restore("streak"))
        print(f"a first visit fetched {sum(host.sent) / 1e6:.2f} MB")
        print(f"the site has {sum(file.stat().st_size for file in site.iterdir()) / 1e6:.2f} MB")
    browser.quit()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) < 2:
            write_site(Path(folder) / "site", shipped_models(), overwrite=True)
        main(Path(sys.argv[1] if len(sys.argv) > 1 else f"{folder}/site"), Path(folder) / "photo.png")
