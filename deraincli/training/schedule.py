"""The learning rate over a run."""

from __future__ import annotations

import math


def rate_factor(step: int, *, warmup: int, steps: int, time_share: float = 0.0) -> float:
    """Linear warm-up over `warmup` steps, then half a cosine to zero at `steps`; 0–1.

    `time_share`, the share of a time limit that is used up, moves the cosine on where it is ahead of the
    steps, so that it ends with the time.
    """
    if step < warmup:
        return (step + 1) / warmup
    progress = max((step - warmup) / max(1, steps - warmup), time_share)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
