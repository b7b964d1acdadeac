"""Laws of the random numbers that several kinds of rain share."""

from __future__ import annotations

import numpy as np
import pytest

from deraincli.rain.random_numbers import log_uniform, sometimes


def test_the_logarithm_is_uniform() -> None:
    rng = np.random.default_rng(0)
    drawn = np.sort([log_uniform(rng, 0.5, 8) for _ in range(4000)])
    assert drawn[0] >= 0.5 and drawn[-1] <= 8
    assert np.median(drawn) == pytest.approx(2, rel=0.1)  # the geometric mean
    assert np.mean(drawn < 1) == pytest.approx(1 / 4, abs=0.03)  # one of four doublings


def test_the_probability_is_that_of_a_number_other_than_0() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([sometimes(rng, 0.3, 5) for _ in range(4000)])
    assert np.mean(drawn > 0) == pytest.approx(0.3, abs=0.03)
    assert drawn.max() <= 5
    assert drawn[drawn > 0].mean() == pytest.approx(2.5, rel=0.05)
