"""The scene behind the rain of a static camera: rain goes, what moves is masked."""

from __future__ import annotations

import cv2
import pytest
from paired import rain_on, scene

from deraincli.datasets.still_scene import FEWEST, still_scene
from deraincli.errors import InputError
from deraincli.evaluation.metrics import psnr

CLEAN = scene(0, 64, 96)


def test_the_median_of_rain_is_the_scene() -> None:
    frames = [rain_on(CLEAN, seed) for seed in range(15)]
    found = still_scene(frames)
    assert found.still.mean() > 0.95
    of_clean, of_frame = (
        psnr(each[found.still], found.pixels[found.still], data_range=255) for each in (CLEAN, frames[0])
    )
    assert of_clean > of_frame + 6


def test_what_moves_is_masked_and_what_stays_is_not() -> None:
    frames = []
    for number in range(15):
        frames.append(rain_on(CLEAN, number))
        cv2.circle(frames[-1], (12 + 5 * number, 32), 10, (0, 0, 0), -1)
    found = still_scene(frames)
    assert not found.still[30:35, 25:70].any()
    assert found.still[:10].all() and found.still[-10:].all()


def test_frames_of_which_nothing_can_be_made_are_refused() -> None:
    with pytest.raises(InputError, match=f"at least {FEWEST}"):
        still_scene([CLEAN] * (FEWEST - 1))
    with pytest.raises(InputError, match="static camera"):
        still_scene([scene(number, 64, 96) for number in range(FEWEST)])
