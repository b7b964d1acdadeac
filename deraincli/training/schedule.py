"""The learning rate over a run."""

from __future__ import annotations

import math


def rate_factor(step: int, *, warmup: int, steps: int, time_share: float = 0.0) -> float:
    """Computes the learning rate relative to its peak: linear warm-up, and half a cosine to zero.

    Args:
        step: Number of steps done.
        warmup: Steps of the warm-up.
        steps: Step at which the rate reaches zero.
        time_share: Share of the time limit that is used up, 0–1. If it is ahead of the steps, the cosine
            follows the time, so that it ends with the limit.

    Returns:
        The factor, 0–1.
    """
    ramp = min(1.0, (step + 1) / warmup) if warmup else 1.0
    progress = max(0.0, (step - warmup) / max(1, steps - warmup), time_share)
    return ramp * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
