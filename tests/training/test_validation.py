"""What a validation set scores, with a network whose answer is known."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
import pytest
import torch
from paired import scene, write_picture, write_set
from torch import Tensor, nn

from deraincli.models.base import NetworkOutput
from deraincli.training.validation import ValidationSet


class Identity(nn.Module):
    """Changes nothing."""

    size_multiple = 1

    def forward(self, rainy: Tensor) -> NetworkOutput:
        return NetworkOutput(rainy)


def score(folder: Path) -> float:
    return ValidationSet(folder).score(Identity(), torch.device("cpu"), precision="fp32").psnr


def test_a_pair_without_rain_counts_100_db_and_leaves_the_mean_finite(tmp_path: Path) -> None:
    grey = [np.repeat(side[..., :1], 3, axis=2) for side in (scene(0), scene(1))]
    for half, picture in zip(("input", "target"), grey, strict=True):
        write_picture(tmp_path / half / "1.png", picture)
        write_picture(tmp_path / half / "2.png", scene(2))
    # Of grey pictures, luminance is 16 + 219/255 of the value.
    luminance = [16 + 219 / 255 * side[..., 0].astype(float) for side in grey]
    expected = cv2.PSNR(*luminance, R=255)
    assert score(tmp_path) == pytest.approx(fmean([expected, 100]), abs=0.01)


def test_equal_pairs_alone_count_100_db(tmp_path: Path) -> None:
    write_set(tmp_path, count=2)
    for n in (1, 2):
        (tmp_path / "input" / f"{n}.png").write_bytes((tmp_path / "target" / f"{n}.png").read_bytes())
    assert score(tmp_path) == 100
