"""The learning rate over a run."""

from __future__ import annotations

import math


def rate_factor(step: int, *, warmup: int, steps: int) -> float:
    """Linear warm-up over `warmup` steps, then half a cosine to zero at `steps`; 0–1."""
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
