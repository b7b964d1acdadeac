"""How latency grows with the picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def fitted_exponent(seconds: Mapping[int, float]) -> float | None:
    """The exponent a of seconds ∝ pixels^a, by least squares over logarithms; None below two sizes.

    `seconds`: side of the square picture → seconds. 1 is linear in the pixels; below 1 small pictures leave
    the device idle, above 1 large ones outgrow its caches.
    """
    if len(seconds) < 2:
        return None
    pixels = 2 * np.log(list(seconds))
    return float(np.polyfit(pixels, np.log(list(seconds.values())), 1)[0])
