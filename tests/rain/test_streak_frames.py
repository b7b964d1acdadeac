"""Layers made from frames: the published shear, and how a layer's crop relates to the whole layer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from deraincli.errors import InputError
from deraincli.rain.recorded_streaks import read_layers
from deraincli.rain.streak_frames import PEAK, StreakFrames, shear


def a_frame(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(0, 255, (320, 600)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 3).astype(np.uint8)


@pytest.mark.parametrize("slant", [-0.5, -0.2, 0.0, 0.1, 0.35, 0.5])
def test_a_shear_moves_every_row_by_its_height(slant: float) -> None:
    frame = a_frame()
    sheared = shear(frame, slant)
    assert sheared.shape == (320, 600 - round(abs(slant) * 320))
    columns, start = np.arange(sheared.shape[1]), max(slant, 0) * 320
    for row in (0, 1, 7, 160, 319):
        expected = np.interp(columns - slant * row + start, np.arange(600), frame[row].astype(float))
        np.testing.assert_allclose(sheared[row], expected, atol=2)


def test_rain_lands_where_a_positive_slant_says() -> None:
    frame = np.zeros((320, 600), np.uint8)
    frame[:, 300] = 255
    sheared = shear(frame, 0.5)
    tops = sheared.argmax(1)
    assert tops[300] - tops[0] == pytest.approx(150, abs=1)


def test_layers_of_white_frames_have_the_benchmark_peak(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "white.png"), np.full((320, 600), 255, np.uint8))
    frames = StreakFrames(tmp_path)
    peaks = [float(frames.sample(64, 96, np.random.default_rng(seed)).max()) for seed in range(60)]
    assert np.median(peaks) == pytest.approx(PEAK, abs=1e-3)
    assert max(peaks) <= 1 and min(peaks) >= 0.5 * PEAK - 1e-3


def test_crops_hold_as_much_rain_as_the_frames(tmp_path: Path) -> None:
    for seed in range(3):
        cv2.imwrite(str(tmp_path / f"{seed}.png"), a_frame(seed))
    frames = StreakFrames(tmp_path)
    rng = np.random.default_rng(0)
    crops = [frames.sample(96, 128, rng) for _ in range(200)]
    assert all(crop.shape == (96, 128) and crop.dtype == np.float32 for crop in crops)
    brightness = np.median([crop.mean() for crop in crops]) * 255
    assert brightness == pytest.approx(PEAK * a_frame().mean(), rel=0.05)


def test_a_folder_without_frames_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No rain layers \(\*\.png\)"):
        StreakFrames(tmp_path)


def test_a_frame_that_its_shear_would_use_up_is_one_sentence(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "tall.png"), np.zeros((400, 100), np.uint8))
    with pytest.raises(InputError, match="100×400, too narrow"):
        StreakFrames(tmp_path)


def test_folders_and_hidden_files_are_no_layers(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "layer.png"), a_frame())
    (tmp_path / "folder.png").mkdir()
    (tmp_path / ".half.png").write_bytes(b"half")
    (layer,) = read_layers(tmp_path)
    np.testing.assert_array_equal(layer, a_frame())
