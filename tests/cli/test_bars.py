"""Progress bars in terminals of common widths: what people look for is never cut."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest
from rich.console import Console
from rich.progress import Progress

from deraincli.cli.bars import batch_bar, step_bar

LOSSES = "reconstruction 0.0284  attention 0.1312  crops 57.84 dB  0.248 images/s  best 36.56 dB"


def shown(make: Callable[[Console], Progress], width: int, description: str, **fields: str) -> str:
    """What is on the screen after 12,345 of 100,000 steps, at a thousand steps a second."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    bar = make(console)
    began = time.monotonic()
    clock = iter(range(10**6))
    bar.get_time = lambda: began + next(clock)  # type: ignore[method-assign]
    task = bar.add_task(description, total=100_000, **fields)
    for done in (100, 1_000, 12_345):
        bar.update(task, completed=done)
    with console.capture() as screen:
        console.print(bar.get_renderable())
    return screen.get()


@pytest.mark.parametrize("width", [40, 80, 100, 120])
def test_the_training_bar_keeps_step_time_left_and_losses(width: int) -> None:
    screen = shown(step_bar, width, "training", count="12345/100000", text=LOSSES)
    assert "12345/100000" in screen
    assert "0:00:" in screen.splitlines()[0]
    assert " ".join(screen.split()).endswith(" ".join(LOSSES.split()))
    assert max(map(len, screen.splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_a_long_name_costs_neither_count_nor_time(width: int) -> None:
    screen = shown(step_bar, width, "holidays/2024/" * 9 + "rain.jpg", count="12345/100000", text="")
    assert "12345/100000" in screen
    assert "0:00:" in screen
    assert len(screen.splitlines()) == 1


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_the_bar_of_a_batch_keeps_count_speed_and_time_left(width: int) -> None:
    fields = {"speed": "12.34 MP/s", "left": "2:03:04 left", "text": "holidays/2024/" * 9 + "rain.jpg"}
    screen = shown(batch_bar, width, "", **fields)
    assert all(part in screen.splitlines()[0] for part in ("12345/100000", "12.34 MP/s", "2:03:04 left"))
    assert "holidays/2024/" in screen
