"""Which specialist a picture goes to, with the weights that ship."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from paired import DROPS

import deraincli
from deraincli.geometry import Size
from deraincli.inference.change import percent
from deraincli.inference.tiled import RainKinds
from deraincli.model_zoo.catalogue import AUTO_MODEL
from deraincli.rain.drops import add_drops
from deraincli.restoration.advice import what_to_try
from deraincli.restoration.auto_model import FOUND, NO_DROPS, SURE_DROPS, AutoDerainer, explain_choice
from deraincli.restoration.load import LoadOptions
from deraincli.restoration.window_trial import WINDOW, _windows

EXAMPLES = Path(__file__).parents[2] / "examples"
STREAK, DROP = AUTO_MODEL.members["streak"], AUTO_MODEL.members["drop"]


@pytest.fixture(scope="module")
def either() -> AutoDerainer:
    derainer = deraincli.load(precision="fp32")
    assert isinstance(derainer, AutoDerainer)
    return derainer


@pytest.fixture(scope="module")
def alone() -> dict[str, deraincli.Derainer]:
    return {name: deraincli.load(name, precision="fp32") for name in (STREAK, DROP)}


def with_drops(photo: str) -> np.ndarray:
    return add_drops(getattr(skimage.data, photo)(), np.random.default_rng(5), DROPS)[0]


def with_known_rain(rain: RainKinds) -> AutoDerainer:
    """Returns the shipped specialists with a classifier that finds the given rain in every picture."""
    streak, drop = (deraincli.load(name, precision="fp32") for name in (STREAK, DROP))
    return AutoDerainer("balnet-lite", streak, drop, lambda pixels: rain)  # type: ignore[arg-type]


@pytest.mark.parametrize("photo", ["coffee", "astronaut"])
def test_drops_go_to_the_one_for_drops(either: AutoDerainer, photo: str) -> None:
    assert either.select(with_drops(photo)).name == DROP


@pytest.mark.parametrize("picture", ["rainy_coffee.jpg", "rainy_astronaut.jpg", "rainy_chelsea.jpg"])
def test_streaks_go_to_the_one_for_streaks(either: AutoDerainer, picture: str) -> None:
    rainy = skimage.io.imread(EXAMPLES / picture)
    assert either.select(rainy).name == STREAK
    assert either.select(rainy.astype(np.uint16) * 257).name == STREAK


@pytest.mark.parametrize("photo", ["coffee", "astronaut", "chelsea"])
def test_a_rain_free_picture_goes_to_the_one_that_does_less_harm(either: AutoDerainer, photo: str) -> None:
    assert either.select(getattr(skimage.data, photo)()).name == STREAK


def test_the_result_names_the_model_that_made_it(either: AutoDerainer, alone: dict) -> None:
    """That is the only specialist whose own result has the same bytes, maps included."""
    made_by = set()
    for rainy in (with_drops("coffee"), skimage.io.imread(EXAMPLES / "rainy_coffee.jpg")):
        result = either.restore(rainy, maps=True)
        results = {name: model.restore(rainy, maps=True) for name, model in alone.items()}
        assert all(each.model == name and each.rain is None for name, each in results.items())
        assert [
            name
            for name, each in results.items()
            if np.array_equal(each.image, result.image) and np.array_equal(each.ram, result.ram)
        ] == [result.model]
        assert result.rain == either.rain(rainy)
        made_by.add(result.model)
    assert made_by == set(alone)


def test_where_both_kinds_are_found_drops_are_removed_before_streaks(alone: dict) -> None:
    rainy = with_drops("astronaut")[:200, :300]
    steps: list[tuple[int, int]] = []
    result = with_known_rain(RainKinds(0.9, 0.9)).restore(
        rainy, maps=True, levels=True, on_progress=lambda done, total: steps.append((done, total))
    )
    one = alone[DROP].restore(rainy, maps=True, levels=True)
    two = alone[STREAK].restore(one.image, maps=True, levels=True)
    np.testing.assert_array_equal(result.image, two.image)
    np.testing.assert_array_equal(result.ram, np.maximum(one.ram, two.ram))
    np.testing.assert_array_equal(result.cam, np.minimum(one.cam, two.cam))
    assert result.levels.shape == one.levels.shape
    assert (result.levels[:, 0] >= np.maximum(one.levels[:, 0], two.levels[:, 0])).all()
    assert (result.levels[:, 1] <= np.minimum(one.levels[:, 1], two.levels[:, 1])).all()
    assert result.model == f"{DROP} and {STREAK}"
    shares = [done / total for done, total in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_where_both_worked_no_other_task_is_advised() -> None:
    both = with_known_rain(RainKinds(0.9, 0.9)).select(with_drops("astronaut"))
    size = Size(40, 40)
    advice = {name: what_to_try(LoadOptions(), name, size) for name in (both.name, STREAK, DROP)}
    assert [re.findall("--task [a-z]+", text) for text in advice.values()] == [
        [],
        ["--task drop"],
        ["--task streak"],
    ]


@pytest.mark.parametrize(
    ("rain", "drops_on_it", "model", "warned"),
    [
        (RainKinds(1.0, NO_DROPS - 0.01), True, STREAK, False),
        (RainKinds(1.0, NO_DROPS), False, STREAK, False),
        (RainKinds(1.0, NO_DROPS), True, DROP, False),
        (RainKinds(1.0, SURE_DROPS - 0.01), False, STREAK, True),
        (RainKinds(1.0, SURE_DROPS - 0.01), True, DROP, False),
        (RainKinds(FOUND - 0.01, SURE_DROPS), False, DROP, False),
        (RainKinds(FOUND, SURE_DROPS), False, f"{DROP} and {STREAK}", False),
    ],
)
def test_windows_decide_where_the_classifier_is_in_doubt(
    rain: RainKinds, drops_on_it: bool, model: str, warned: bool
) -> None:
    """What is done against a drop that is more probable than not is said, with the option that decides."""
    warnings: list[str] = []
    derainer = with_known_rain(rain)
    picture = with_drops("astronaut")[:256, :256] if drops_on_it else skimage.data.coffee()[:160, :160]
    assert derainer.select(picture, on_warning=warnings.append).name == model
    assert ["--task drop" in warning for warning in warnings] == [True] * warned


@pytest.mark.parametrize(
    ("rain", "used"),
    [
        (RainKinds(0.9, 0.02), "the model for streaks was used"),
        (RainKinds(0.9, 0.5), "both models were tried"),
        (RainKinds(0.02, 0.9), "the model for drops was used"),
        (RainKinds(0.9, 0.9), "both models were used"),
    ],
)
def test_the_reason_for_the_choice_is_the_one_that_decided(rain: RainKinds, used: str) -> None:
    reason = explain_choice(rain)
    assert used in reason
    assert all(percent(probability) in reason for probability in rain)
    black = np.zeros((64, 64, 3), np.uint8)  # windows confirm no drops
    model = with_known_rain(rain).select(black).name
    named = {"the model for drops was used": DROP, "both models were used": f"{DROP} and {STREAK}"}
    assert model == named.get(used, STREAK)


@pytest.mark.parametrize("shape", [(1, 1, 3), (40, 700, 1), (129, 128, 3), (2000, 3000, 3)])
def test_windows_lie_inside_and_reach_both_ends(shape: tuple[int, ...]) -> None:
    marks = np.arange(np.prod(shape)).reshape(shape)
    windows = _windows(marks)
    assert all(w.shape[0] == min(WINDOW, shape[0]) and w.shape[1] == min(WINDOW, shape[1]) for w in windows)
    assert windows[0][0, 0, 0] == 0
    assert windows[-1][-1, -1, -1] == marks[-1, -1, -1]
    assert len(windows) <= 16
