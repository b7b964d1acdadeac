"""What training minimises. Pictures are B×3×H×W in 0–1, maps B×1×H×W in 0–1.

Every loss is a mean of per-image values, so that splitting a batch over devices changes nothing.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

AttentionLoss = Literal["cross_entropy", "balanced", "literal"]
ReconstructionLoss = Literal["smooth_l1", "l1"]


ONE_CLASS_WEIGHT = 0.05
"""In the balanced loss. At full weight, pictures without rain push every map steadily to RAM ≡ 0 before the
network can distinguish rain from scene, and a saturated sigmoid has no gradient to come back by."""


OWN_CLASS_WEIGHT = 2.0
"""In the cross-entropy. A miss that costs twice a false find puts 0.5 of a map near the threshold at which
the intersection over union of uncertain maps is highest (a probability of a third)."""


SMOOTH_BELOW = 0.02
"""Errors below this count by their square in the smooth L1."""


def reconstruction_loss(estimate: Tensor, clean: Tensor, kind: ReconstructionLoss) -> Tensor:
    """L_r2: how far the output is from the clean picture.

    `l1` is that of the authors' response. From random weights it is slow to start: most pixels carry no rain,
    so changing nothing is a strong local optimum. `smooth_l1` is the same but quadratic below
    `SMOOTH_BELOW`, and leaves it within a hundred steps.
    """
    if kind == "l1":
        return F.l1_loss(estimate, clean)
    return F.smooth_l1_loss(estimate, clean, beta=SMOOTH_BELOW)


def attention_loss(estimate: Tensor, target: Tensor, kind: AttentionLoss) -> Tensor:
    """L_r1 of one map.

    `cross_entropy` seeks the probability of rain (RAM) or of its absence (CAM) at each pixel, its own
    class counting `OWN_CLASS_WEIGHT`-fold, so that maps stay graded; it is ours. `literal` is the L1 of the
    authors' response. On a sigmoid map it seeks the median, and since rain is the minority the maps collapse
    to RAM ≡ 0, CAM ≡ 1. `balanced` is an L1 that averages the mean over rain pixels with the mean over
    the others, and leaves most values at exactly 0 or 1. Where one class is empty, as in pictures without
    rain, the other alone counts, with `ONE_CLASS_WEIGHT`.
    """
    if kind == "cross_entropy":
        # PyTorch refuses NaN here; the second term brings it back, so that the loss shows the divergence.
        cost = F.binary_cross_entropy(estimate.nan_to_num(0.5), target, reduction="none") + 0 * estimate
        return (cost * (1 + (OWN_CLASS_WEIGHT - 1) * target)).mean()
    error = (estimate - target).abs()
    if kind == "literal":
        return error.mean()
    inside = _masked_mean(error, target)
    outside = _masked_mean(error, 1 - target)
    weight = torch.where(_any(target) & _any(1 - target), 0.5, ONE_CLASS_WEIGHT)
    return (weight * (inside + outside)).mean()


def perceptual_loss(estimate: Tensor, clean: Tensor) -> Tensor:
    """L_p of two sets of features, B×C×H×W: their squared difference, averaged over C·H·W."""
    return F.mse_loss(estimate.float(), clean.float())


def lsgan_generator_loss(scores: Tensor) -> Tensor:
    """L_g of one discriminator: E[(D(output) − 1)²] (LSGAN), as in the authors' response. Scores B×1×h×w."""
    return (scores.float() - 1).square().mean()


def lsgan_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """What one discriminator minimises: ½E[(D(clean) − 1)²] + ½E[D(output)²].

    The authors' response does not print it; this is LSGAN's (Mao et al., "Least Squares Generative
    Adversarial Networks", ICCV 2017) with labels 1 and 0.
    """
    return 0.5 * ((real.float() - 1).square().mean() + fake.float().square().mean())


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the mask of each image; 0 where the mask is empty."""
    return (values * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp(min=1)


def _any(mask: Tensor) -> Tensor:
    return mask.sum((1, 2, 3)) > 0
