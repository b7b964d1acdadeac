"""Random numbers from distributions that several kinds of rain share."""

from __future__ import annotations

import numpy as np


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draws a positive number whose logarithm is uniform, so that each doubling is equally probable.

    Args:
        rng: Source of randomness.
        low: Smallest number.
        high: Largest number.
    """
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def sometimes(rng: np.random.Generator, probability: float, largest: float) -> float:
    """Draws a uniform number between 0 and the largest, or 0.

    Args:
        rng: Source of randomness.
        probability: How probable a number other than 0 is, 0–1.
        largest: Largest number.
    """
    return float(rng.uniform(0, largest)) if rng.random() < probability else 0.0
