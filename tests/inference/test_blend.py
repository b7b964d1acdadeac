import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deraincli.geometry import Size
from deraincli.inference.blend import Blender
from deraincli.inference.tiling import Plan, choose_tiling, plan


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    multiple = draw(st.sampled_from([1, 4, 16]))
    side = draw(st.integers(20, 60)) // multiple * multiple
    overlap = draw(st.integers(0, side // multiple // 2)) * multiple
    tiling = choose_tiling(side, overlap, margin=0, multiple=multiple)
    return plan(Size(draw(st.integers(1, 100)), draw(st.integers(1, 100))), tiling)


def blend(cuts: Plan, answers: list[np.ndarray]) -> np.ndarray:
    result = np.full((answers[0].shape[0], cuts.picture.height, cuts.picture.width), np.nan, np.float32)
    blender = Blender(cuts)
    for answer, tile in zip(answers, cuts.tiles, strict=True):
        rows, columns = tile.core.slices
        result[:, rows, columns] = blender.add_tile(answer.copy(), tile)
    return result


def weighted_mean(cuts: Plan, answers: list[np.ndarray]) -> np.ndarray:
    """The slow way: a weight for every pixel of every tile, accumulated over the whole picture."""
    height, width = cuts.picture.height, cuts.picture.width
    total, weights = np.zeros((answers[0].shape[0], height, width)), np.zeros((height, width))
    for answer, tile in zip(answers, cuts.tiles, strict=True):
        weight = np.outer(_weights(tile.rows, height), _weights(tile.columns, width))
        rows, columns = tile.source.slices
        inside = total[:, rows, columns].shape
        total[:, rows, columns] += weight[rows, columns] * answer[:, : inside[1], : inside[2]]
        weights += weight
    np.testing.assert_allclose(weights, 1, atol=1e-12)
    return total / weights


def _weights(cut, length: int) -> np.ndarray:
    weight = np.zeros(length)
    weight[cut.core.slice] = 1
    for i in range(cut.blend_in):
        weight[cut.core.start + i] = 0.5 - 0.5 * np.cos(np.pi * (i + 0.5) / cut.blend_in)
    for i in range(cut.fade_out):
        weight[cut.core.stop + i] = 0.5 + 0.5 * np.cos(np.pi * (i + 0.5) / cut.fade_out)
    return weight


@given(plans(), st.integers(0, 2**32 - 1))
def test_blending_is_a_weighted_mean_whose_weights_sum_to_one(cuts: Plan, seed: int) -> None:
    rng = np.random.default_rng(seed)
    answers = [rng.random((2, cuts.tile.height, cuts.tile.width), np.float32) for _ in cuts.tiles]
    np.testing.assert_allclose(blend(cuts, answers), weighted_mean(cuts, answers), atol=1e-6)


def test_a_seam_is_a_gentle_slope() -> None:
    """Tiles that disagree by one pass into each other in steps far below one, without overshoot."""
    tiling = choose_tiling(320, 160, margin=64, multiple=32)
    cuts = plan(Size(32, 480), tiling)
    answers = [np.full((1, 32, cuts.tile.width), float(i), np.float32) for i in range(len(cuts.tiles))]
    steps = np.diff(blend(cuts, answers)[0, 0])
    assert len(answers) == 2
    assert steps.min() >= 0
    assert steps.max() < 0.06
    assert np.count_nonzero(steps) == tiling.fade + 1
