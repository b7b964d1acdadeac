"""Shallow focus takes detail away and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from deraincli.training.data.defocus import out_of_focus


def detail(picture: np.ndarray) -> float:
    return float(np.abs(np.diff(picture.astype(float), axis=1)).mean())


@pytest.mark.parametrize("seed", range(8))
def test_detail_goes_and_light_stays(seed: int) -> None:
    photo = data.astronaut()[100:292, 150:342]
    blurred = out_of_focus(photo, np.random.default_rng(seed))
    assert detail(blurred) < detail(photo)
    light, kept = (np.square(each / 255.0).mean() for each in (photo, blurred))
    assert kept == pytest.approx(light, rel=0.05)


@pytest.mark.filterwarnings("error")
def test_black_stays_black() -> None:
    night = np.zeros((128, 128, 3), np.uint8)
    night[60:64, 60:64] = 255
    for seed in range(8):
        assert out_of_focus(night, np.random.default_rng(seed))[:20].max() == 0


def test_a_plain_wall_has_no_focus() -> None:
    wall = np.full((96, 128, 3), (40, 120, 200), np.uint8)
    assert np.abs(out_of_focus(wall, np.random.default_rng(0)).astype(int) - wall).max() <= 1
