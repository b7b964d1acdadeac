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


class Coarse(Identity):
    """Takes the sides of balnet-lite only."""

    size_multiple = 32

    def forward(self, rainy: Tensor) -> NetworkOutput:
        assert not any(side % 32 for side in rainy.shape[2:])
        return super().forward(rainy)


class Maps(nn.Module):
    """Answers with a RAM and a CAM of one value each, except for the first pixel of RAM."""

    size_multiple = 1

    def __init__(self, ram: float, cam: float, first: float) -> None:
        super().__init__()
        self.values = ram, cam, first

    def forward(self, rainy: Tensor) -> NetworkOutput:
        ram, cam = (torch.full_like(rainy[:, :1], value) for value in self.values[:2])
        ram[..., 0, 0] = self.values[2]
        return NetworkOutput(rainy, ram, cam)


@pytest.mark.parametrize(
    ("ram", "cam", "first", "dead"),
    [
        (0.0, 1.0, 0.0, ("CAM", "RAM")),
        (1.0, 0.0, 1.0, ("CAM", "RAM")),
        (0.0, 1.0, 0.7, ("CAM",)),
        (0.5, 0.5, 0.5, ()),  # where training starts
        (0.2, 0.9, 0.8, ()),
    ],
)
def test_a_map_that_is_saturated_everywhere_is_dead(tmp_path: Path, ram, cam, first, dead) -> None:
    write_set(tmp_path, count=2)
    validation = ValidationSet(tmp_path).score(Maps(ram, cam, first), torch.device("cpu"), precision="fp32")
    assert validation.dead_maps == dead


def test_saturated_maps_are_right_where_there_is_no_rain(tmp_path: Path) -> None:
    for half in ("input", "target"):
        write_picture(tmp_path / half / "1.png", scene(2))
    validation = ValidationSet(tmp_path).score(Maps(0, 1, 0), torch.device("cpu"), precision="fp32")
    assert validation.dead_maps == ()


def score(folder: Path, network: Identity | None = None) -> float:
    return ValidationSet(folder).score(network or Identity(), torch.device("cpu"), precision="fp32").psnr


def test_pictures_smaller_than_the_padding_are_scored(tmp_path: Path) -> None:
    write_set(tmp_path, count=1, height=12, width=16)
    assert score(tmp_path, Coarse()) == score(tmp_path)


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
