"""Which specialist a picture goes to, with the weights that ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from paired import DROPS

import deraincli
from deraincli.model_zoo.catalogue import AUTO_MODEL
from deraincli.rain.drops import add_drops
from deraincli.restoration.auto_model import WINDOW, AutoDerainer, _windows

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def either() -> AutoDerainer:
    derainer = deraincli.load(precision="fp32")
    assert isinstance(derainer, AutoDerainer)
    return derainer


def with_drops(photo: str) -> np.ndarray:
    return add_drops(getattr(skimage.data, photo)(), np.random.default_rng(5), DROPS)[0]


@pytest.mark.parametrize("photo", ["coffee", "astronaut"])
def test_drops_go_to_the_one_for_drops(either: AutoDerainer, photo: str) -> None:
    assert either.select(with_drops(photo)).name == "balnet-lite-drop"


def test_the_result_names_the_model_that_made_it(either: AutoDerainer) -> None:
    """That is the only specialist whose own result has the same bytes, maps included."""
    alone = {name: deraincli.load(name, precision="fp32") for name in AUTO_MODEL.members.values()}
    made_by = set()
    for rainy in (with_drops("coffee"), skimage.io.imread(EXAMPLES / "rainy_coffee.jpg")):
        result = either.restore(rainy, maps=True)
        results = {name: model.restore(rainy, maps=True) for name, model in alone.items()}
        assert all(each.model == name for name, each in results.items())
        assert [
            name
            for name, each in results.items()
            if np.array_equal(each.image, result.image) and np.array_equal(each.ram, result.ram)
        ] == [result.model]
        made_by.add(result.model)
    assert made_by == set(alone)


@pytest.mark.parametrize("picture", ["rainy_coffee.jpg", "rainy_astronaut.jpg", "rainy_chelsea.jpg"])
def test_streaks_go_to_the_one_for_streaks(either: AutoDerainer, picture: str) -> None:
    rainy = skimage.io.imread(EXAMPLES / picture)
    assert either.select(rainy).name == "balnet-lite-streak"
    assert either.select(rainy.astype(np.uint16) * 257).name == "balnet-lite-streak"


@pytest.mark.parametrize("photo", ["coffee", "astronaut", "chelsea"])
def test_a_dry_picture_goes_to_the_one_that_does_less_harm(either: AutoDerainer, photo: str) -> None:
    assert either.select(getattr(skimage.data, photo)()).name == "balnet-lite-streak"


@pytest.mark.parametrize("shape", [(1, 1, 3), (40, 700, 1), (129, 128, 3), (2000, 3000, 3)])
def test_windows_lie_inside_and_reach_both_ends(shape: tuple[int, ...]) -> None:
    marks = np.arange(np.prod(shape)).reshape(shape)
    windows = _windows(marks)
    assert all(w.shape[0] == min(WINDOW, shape[0]) and w.shape[1] == min(WINDOW, shape[1]) for w in windows)
    assert windows[0][0, 0, 0] == 0
    assert windows[-1][-1, -1, -1] == marks[-1, -1, -1]
    assert len(windows) <= 16
