"""Drawn drops measure like those of eight real pairs: four of AGAN's training and four of its test_a."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from deraincli.pixels import Picture
from deraincli.rain.drop_styles import DropStyle, crisp_style, soft_style
from deraincli.rain.drops import add_drops

SCRIPT = Path(__file__).parents[2] / "examples/rain/measure_drops.py"
PHOTOS = ("coffee", "astronaut", "rocket", "chelsea")
SOFT = {
    "shift": (-1.89, 1.43, -4.60, -6.47, 0.12, 1.09, 2.57),
    "wet": (0.25, 0.49, 0.47, 0.10, 0.22, 0.30, 0.19),
    "narrow": (11.3, 19.6, 20.9, 14.8, 16.4, 18.5, 40.5),
    "width": (22.3, 41.0, 34.6, 24.3, 30.9, 30.8, 71.1),
    "broad": (40.1, 60.0, 51.4, 31.4, 51.6, 44.8, 88.0),
    "contrast": (28.1, 30.5, 28.2, 18.7, 26.0, 26.8, 44.2),
    "edge": (5.1, 7.6, 9.1, 7.9, 7.7, 7.6, 13.3),
    "brighter": (0.86, 0.73, 0.74, 0.41, 0.90, 0.92, 1.00),
    "clusters": (0.97, 0.55, 0.58, 1.34, 0.91, 0.84, 1.48),
}
"""The seven real pairs with soft drops."""
HALF_FOCUSED = {
    "shift": 3.34,
    "wet": 0.49,
    "narrow": 13.9,
    "width": 23.0,
    "broad": 46.8,
    "contrast": 40.1,
    "edge": 5.8,
    "brighter": 0.83,
    "clusters": 0.68,
}
"""The eighth, training picture 003: hundreds of small drops half in focus."""


@pytest.fixture(scope="module")
def measures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("measure_drops", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(measures: ModuleType, pairs: list[tuple[Picture, Picture]]) -> dict[str, NDArray[np.float64]]:
    """All values of each measure."""
    rows = np.array([measures.measure(*pair) for pair in pairs])
    return dict(zip(measures.DropMeasures._fields, rows.T, strict=True))


def drawn(style: Callable[[np.random.Generator], DropStyle], count: int) -> list[tuple[Picture, Picture]]:
    pairs = []
    for index, rng in enumerate(np.random.default_rng(19).spawn(count)):
        clean = getattr(skimage.data, PHOTOS[index % len(PHOTOS)])()[:320, :480]
        pairs.append((add_drops(clean, rng, style(rng))[0], clean))
    return pairs


def discs(diameter: int, level: int, ramp: int) -> Picture:
    """Twelve grey discs before black, whose edges rise to their level over `ramp` pixels."""
    row = np.zeros((300, 400), np.float32)
    for y in (50, 150, 250):
        for x in (50, 150, 250, 350):
            cv2.circle(row, (x, y), diameter // 2, level, -1)
    return np.repeat(np.rint(cv2.blur(row, (ramp, ramp))).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize(("diameter", "ramp"), [(24, 5), (40, 5), (40, 11)])
def test_the_measures_find_known_discs(measures, diameter: int, ramp: int) -> None:
    found = measures.measure(7 + discs(diameter, 60, ramp), np.zeros((300, 400, 3), np.uint8))
    assert found.shift == pytest.approx(7)
    assert found.wet == pytest.approx(12 * np.pi / 4 * diameter**2 / 120_000, rel=0.4)
    for width in (found.narrow, found.width, found.broad):
        assert width == pytest.approx(diameter + ramp / 2, abs=6)
    assert found.contrast == pytest.approx(60, rel=0.2)
    assert found.edge == pytest.approx(ramp, rel=0.45)
    assert found.brighter == 1
    assert found.clusters < 0.6


def test_a_dry_pair_is_not_wet(measures) -> None:
    clean = skimage.data.coffee()
    found = measures.measure(clean, clean)
    assert (found.shift, found.wet) == (0, 0)


def test_the_tables_here_are_what_the_real_pairs_measure(measures, shared_data) -> None:
    files = [
        file
        for part in ("train", "valid")
        for file in sorted((shared_data / part / "raindrop_4/input").glob("*.png"))
    ]
    pairs = [
        (cv2.imread(str(file))[..., ::-1], cv2.imread(str(file.parents[1] / "target" / file.name))[..., ::-1])
        for file in files
    ]
    found = table(measures, pairs)
    for name, values in SOFT.items():
        assert np.delete(found[name], 3) == pytest.approx(values, abs=0.1)
        assert found[name][3] == pytest.approx(HALF_FOCUSED[name], abs=0.1)


def test_soft_drops_measure_like_the_seven_soft_pairs(measures) -> None:
    """Medians agree. The scenes are others, so the tolerance is wide."""
    found = table(measures, drawn(soft_style, 28))
    for name, real in SOFT.items():
        tolerance = {"abs": 3.0} if name == "shift" else {"rel": 0.3}
        assert np.nanmedian(found[name]) == pytest.approx(np.median(real), **tolerance), name
        assert np.nanpercentile(found[name], 10) < np.median(real) < np.nanpercentile(found[name], 90), name


def test_crisp_drops_reach_the_half_focused_pair(measures) -> None:
    found = table(measures, drawn(crisp_style, 24))
    for name, real in HALF_FOCUSED.items():
        low, high = np.nanmin(found[name]), np.nanmax(found[name])
        margin = 0.1 * (high - low)
        assert low - margin < real < high + margin, name
    assert np.nanmedian(found["edge"]) < min(SOFT["edge"])
