"""Crops of what was recorded."""

from __future__ import annotations

import numpy as np

from deraincli.rain.random_crops import random_view


def test_views_show_the_recording_alone() -> None:
    """A ramp that is turned little stays a ramp, which it would not beyond an edge."""
    ramp = np.broadcast_to(np.linspace(0, 1, 200, dtype=np.float32)[:, None, None], (200, 160, 4)).copy()
    slopes = []
    for seed in range(40):
        view = random_view(ramp, 50, 40, np.random.default_rng(seed), tilt=8, scales=(0.6, 1.6))
        assert view.shape == (50, 40, 4)
        slopes.append(np.diff(view[..., 0], axis=0))
    assert np.min(slopes) > 0
    means = np.array(slopes).mean((1, 2)) * 199
    assert 1 / 1.65 * 0.9 < means.min() < 0.75
    assert 1.3 < means.max() < 1 / 0.6 * 1.01
