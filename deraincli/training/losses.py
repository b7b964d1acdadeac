"""The losses of training. Pictures are B×3×H×W in 0–1, and maps are B×1×H×W in 0–1.

Every loss is a mean of values per image, so that splitting a batch over devices does not change it.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

AttentionLoss = Literal["cross_entropy", "balanced", "literal"]
ReconstructionLoss = Literal["smooth_l1", "l1"]

ONE_CLASS_WEIGHT = 0.05
"""Weight of pictures with one class only, such as rain-free ones, in the balanced loss.

At full weight, rain-free pictures push every map steadily to RAM ≡ 0 before the network can distinguish rain
from scene. A saturated sigmoid has no gradient to recover.
"""
OWN_CLASS_WEIGHT = 2.0
"""Weight of a map's own class in the cross-entropy.

A miss costs twice as much as a false alarm. So a map value of 0.5 stands for a probability of a third, which
is near the threshold at which the intersection over union of uncertain maps is highest.
"""
SMOOTH_BELOW = 0.02
"""Errors below this value count quadratically in the smooth L1."""


def reconstruction_loss(estimate: Tensor, clean: Tensor, kind: ReconstructionLoss) -> Tensor:
    """Computes L_r2, the distance between the output and the clean picture.

    Args:
        estimate: The output.
        clean: The clean picture.
        kind: `l1` is the loss of the authors' response. From random weights it is slow to start, because most
            pixels carry no rain and changing nothing is a strong local optimum. `smooth_l1` is quadratic
            below `SMOOTH_BELOW`, and leaves that optimum within a hundred steps.
    """
    if kind == "l1":
        return F.l1_loss(estimate, clean)
    return F.smooth_l1_loss(estimate, clean, beta=SMOOTH_BELOW)


def attention_loss(estimate: Tensor, target: Tensor, kind: AttentionLoss) -> Tensor:
    """Computes L_r1 of one map.

    - `cross_entropy`, which is ours, is minimal for the probability of rain (RAM) or of its absence (CAM) at
      each pixel, with the map's own class weighted by `OWN_CLASS_WEIGHT`. So maps stay graded.
    - `literal` is the L1 of the authors' response. On a sigmoid map its optimum is the median. Rain is the
      minority, so the maps collapse to RAM ≡ 0 and CAM ≡ 1.
    - `balanced` is an L1 that averages the mean over rain pixels and the mean over the others. It leaves most
      values at exactly 0 or 1. If one class is empty, as in rain-free pictures, the other one counts with
      `ONE_CLASS_WEIGHT`.

    Args:
        estimate: The map.
        target: Its ground truth, 0 or 1.
        kind: The loss.
    """
    if kind == "cross_entropy":
        # PyTorch refuses NaN here. The second term restores it, so that the loss shows the divergence.
        cost = F.binary_cross_entropy(estimate.nan_to_num(0.5), target, reduction="none") + 0 * estimate
        return (cost * (1 + (OWN_CLASS_WEIGHT - 1) * target)).mean()
    error = (estimate - target).abs()
    if kind == "literal":
        return error.mean()
    inside = _masked_mean(error, target)
    outside = _masked_mean(error, 1 - target)
    weight = torch.where(_any(target) & _any(1 - target), 0.5, ONE_CLASS_WEIGHT)
    return (weight * (inside + outside)).mean()


def frequency_loss(estimate: Tensor, clean: Tensor) -> Tensor:
    """Computes the mean distance between the Fourier coefficients of the output and of the clean picture.

    The transform is unitary, so noise costs the same whatever the size of the crops. After Cho et al.,
    "Rethinking Coarse-to-Fine Approach in Single Image Deblurring" (ICCV 2021).

    Args:
        estimate: The output, B×3×H×W, near 0–1, not clamped.
        clean: The clean picture, B×3×H×W in 0–1.
    """
    return torch.fft.rfft2((estimate - clean).float(), norm="ortho").abs().mean()


def perceptual_loss(estimate: Tensor, clean: Tensor) -> Tensor:
    """Computes L_p, the mean squared difference between features of the output and of the clean picture.

    Args:
        estimate: Features of the output, B×C×H×W.
        clean: Features of the clean picture, B×C×H×W.
    """
    return F.mse_loss(estimate.float(), clean.float())


def lsgan_generator_loss(scores: Tensor) -> Tensor:
    """Computes L_g of one discriminator, E[(D(output) − 1)²] (LSGAN), as in the authors' response.

    Args:
        scores: Scores of outputs, B×1×h×w.
    """
    return (scores.float() - 1).square().mean()


def lsgan_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Computes the loss of one discriminator, ½E[(D(clean) − 1)²] + ½E[D(output)²].

    The authors' response does not print it. This is the loss of LSGAN (Mao et al., "Least Squares Generative
    Adversarial Networks", ICCV 2017) with labels 1 and 0.

    Args:
        real: Scores of clean pictures, B×1×h×w.
        fake: Scores of outputs, B×1×h×w.
    """
    return 0.5 * ((real.float() - 1).square().mean() + fake.float().square().mean())


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Returns the mean of each image over its mask, or 0 if the mask is empty."""
    return (values * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp(min=1)


def _any(mask: Tensor) -> Tensor:
    return mask.sum((1, 2, 3)) > 0
