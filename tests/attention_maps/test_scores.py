"""Scores of attention maps against slow and obvious definitions, and against laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from paired import rain_on, scene

from deraincli.attention_maps.scores import complementarity_gap, mean_scores, roc_auc, score_maps

GREY_LEVELS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
"""Few, so that there are ties."""


def slow_auc(values: np.ndarray, truth: np.ndarray) -> float:
    """Every true pixel against every other one."""
    wins = [
        1.0 if inside > outside else 0.5 if inside == outside else 0.0
        for inside in values[truth]
        for outside in values[~truth]
    ]
    return sum(wins) / len(wins)


@settings(deadline=None)
@given(arrays(np.float32, (4, 6), elements=GREY_LEVELS), arrays(np.bool_, (4, 6)))
def test_auc_is_the_share_of_pairs_in_the_right_order(values, truth):
    if truth.all() or not truth.any():
        assert roc_auc(values, truth) is None
        return
    auc = roc_auc(values, truth)
    assert auc == pytest.approx(slow_auc(values, truth), abs=1e-12)
    assert roc_auc(1 - values, truth) == pytest.approx(1 - auc, abs=1e-12)
    assert roc_auc(values**3, truth) == pytest.approx(auc, abs=1e-12)  # only the order counts
    assert roc_auc(values, ~truth) == pytest.approx(1 - auc, abs=1e-12)


def test_auc_is_exact_on_a_large_picture():
    """A map of independent noise that is drawn from 0–1 on rain and from 0–0.5 elsewhere: 3/4 by design."""
    rng = np.random.default_rng(0)
    truth = rng.random((1000, 1000)) < 0.1
    values = rng.random((1000, 1000)) * np.where(truth, 1, 0.5)
    assert roc_auc(values.astype(np.float32), truth) == pytest.approx(0.75, abs=0.002)


def lines() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A rainy picture, its clean one, and the places of the rain: six bright lines on a scene."""
    clean = scene(0) // 2
    rainy = rain_on(clean, 0)
    return rainy, clean, (rainy != clean).any(2)


@pytest.mark.parametrize("deep", [False, True])
def test_perfect_maps_score_one_and_opposite_ones_zero(deep):
    rainy, clean, rain = lines()
    if deep:
        rainy, clean = (each.astype(np.uint16) * 257 for each in (rainy, clean))
    ram, cam = rain.astype(np.float32), 1 - rain.astype(np.float32)
    perfect = score_maps(ram, cam, rainy, clean, threshold=0.5).record()
    assert perfect == {name: dict.fromkeys(("auc", "iou", "precision", "recall"), 1.0) for name in perfect}
    wrong = score_maps(cam, ram, rainy, clean, threshold=0.5).record()
    assert wrong == {name: dict.fromkeys(("auc", "iou", "precision", "recall"), 0.0) for name in wrong}


def test_counts_by_hand():
    """The picture's rain is six of 64 columns; a map claims three of them and three others."""
    rainy, clean, rain = lines()
    columns = np.flatnonzero(rain[0])
    ram = np.zeros(rain.shape, np.float32)
    ram[:, [*columns[:3], *np.setdiff1d(np.arange(64), columns)[:3]]] = 0.6
    score = score_maps(ram, 1 - ram, rainy, clean, threshold=0.5).ram
    assert (score.precision, score.recall) == (0.5, 0.5)
    assert score.iou == pytest.approx(3 / 9)
    strict = score_maps(ram, 1 - ram, rainy, clean, threshold=0.7).ram
    assert (strict.precision, strict.recall, strict.auc) == (None, 0.0, score.auc)


def test_grey_pictures_score_like_their_rgb():
    rainy, clean, rain = lines()
    ram = np.random.default_rng(1).random(rain.shape, np.float32)
    grey = score_maps(ram, 1 - ram, rainy[..., :1], clean[..., :1], threshold=0.5)
    colour = score_maps(
        ram, 1 - ram, np.repeat(rainy[..., :1], 3, 2), np.repeat(clean[..., :1], 3, 2), threshold=0.5
    )
    assert grey == colour


def test_what_is_undefined_is_left_out_of_means():
    rainy, clean, rain = lines()
    ram = rain.astype(np.float32)
    rained = score_maps(ram, 1 - ram, rainy, clean, threshold=0.5)
    dry = score_maps(ram * 0, 1 - ram * 0, clean, clean, threshold=0.5)
    assert (dry.ram.auc, dry.ram.recall, dry.ram.iou) == (None, None, None)
    assert (dry.cam.auc, dry.cam.recall, dry.cam.iou) == (None, 1.0, 1.0)
    assert mean_scores([rained, dry]).ram == rained.ram
    assert mean_scores([dry]).ram.auc is None
    half = score_maps(0 * ram + 0.4, 1 - ram, rainy, clean, threshold=0.5)
    assert mean_scores([rained, half]).ram.auc == 0.75


def test_the_gap_is_zero_only_for_a_map_and_its_opposite():
    ram = np.random.default_rng(0).random((20, 30), np.float32)
    assert complementarity_gap(ram, 1 - ram) == pytest.approx(0, abs=1e-7)
    assert complementarity_gap(ram, 1 - ram / 2) == pytest.approx(ram.mean() / 2, rel=1e-5)
