"""GMM, a classical method (Li et al., CVPR 2016).

Li, Tan, Guo, Lu, Brown, "Rain streak removal using layer priors". The luminance O is separated into
background B and rain R, both within 0 and O, that minimise

    |O − B − R|² + α|∇B|₁ + β|R|² − γ Σ log G_B(patch of B) − γ Σ log G_R(patch of R).

G_B is a mixture of Gaussians learnt from clean photos, G_R one learnt from the flattest window of the picture
itself, where what varies is rain. Half-quadratic splitting: gradients and patches get stand-ins H and g,
tied to the layers by a weight ω that doubles at every step.

The paper does not give the first ω: FIRST_TIE is our choice. So are the mean of the patches that hold a pixel
instead of their sum, patches of rain that give up their own mean, which is mostly background, and STEPS
where the paper takes 20: on crops of validation pictures later ones gave rain back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deraincli.models.classical.patch_mixture import SIDE, PatchMixture, fit, load, without_mean
from deraincli.models.luma import LUMA

Plane = NDArray[np.float32]
"""H×W in 0–1."""

PRIOR_FILE = "gmm-background.safetensors"
"""Below the folder `weights`. `examples/classical/learn_background_prior.py` shows how it was learnt."""

STEPS = 3
SPARSITY = 0.05
"""α, on the background's gradients."""
RAIN_PENALTY = 0.01
"""β."""
PRIOR_WEIGHT = 0.01
"""γ."""
FIRST_TIE = 0.3
"""ω of the first step."""
DESCENTS = 15
"""Iterations of L-BFGS-B in a step, which starts from the last one's layers."""

RAIN_WINDOW = 100
"""Side, in pixels."""
RAIN_COMPONENTS = 20
RAIN_RANK = 16
RAIN_PASSES = 10
"""Steps of expectation maximisation."""
RAIN_LEAST_VARIANCE = 1e-5
"""Patches of the window that vary less say nothing of rain."""

BAND = 32
"""Rows of patches that are in memory at a time."""


def restore(rainy: NDArray[np.float32], prior: Path) -> Iterator[NDArray[np.float32]]:
    """Yields the rainy picture, H×W×3 RGB in 0–1 of at least 8×8, and then what every step makes of it.

    `prior`: the file of the background's mixture. What the layers leave unexplained stays in the picture,
    and R, G and B lose the same. Raises ModelError if the prior is not there or damaged.
    """
    luminance = rainy @ np.array(LUMA, np.float32)
    for layers in separate(luminance, load(prior)):
        yield rainy - layers.rain[..., None]


@dataclass(frozen=True)
class Layers:
    """What a luminance was parted into, or the patch sums of the two."""

    background: Plane
    rain: Plane


def separate(luminance: Plane, clean: PatchMixture, steps: int = STEPS) -> Iterator[Layers]:
    """Yields the start, which is no rain at all, and then the layers after every step.

    `luminance`: at least 8×8. `clean`: the prior of the background.
    """
    layers = Layers(luminance, np.zeros_like(luminance))
    yield layers
    rain = rain_prior(luminance)
    tie, stand_ins = FIRST_TIE, layers
    for step in range(steps):
        if step:
            noise = PRIOR_WEIGHT / (2 * tie)
            stand_ins = Layers(
                denoised(layers.background, clean, noise, means=True),
                denoised(layers.rain, rain, noise, means=False),
            )
            tie *= 2
        threshold = SPARSITY / (2 * tie)
        gradients = [
            np.sign(slope) * np.maximum(np.abs(slope) - threshold, 0) for slope in slopes(layers.background)
        ]
        layers = _descend(Objective(luminance, gradients, stand_ins, tie), layers)
        yield layers


@dataclass(frozen=True)
class Objective:
    """What one step minimises over B and R, H and g being fixed: a quadratic function."""

    luminance: Plane
    gradients: list[Plane]
    """H."""
    stand_ins: Layers
    """At every pixel the mean of the g that hold it."""
    tie: float
    """ω."""

    def __call__(self, layers: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """B and R, one after the other, to value and gradient."""
        background, rain = layers.reshape(2, *self.luminance.shape)
        error = background + rain - self.luminance
        strays = [slope - wanted for slope, wanted in zip(slopes(background), self.gradients, strict=True)]
        apart = background - self.stand_ins.background, rain - self.stand_ins.rain
        value = _square(error) + RAIN_PENALTY * _square(rain)
        value += self.tie * sum(_square(part) for part in (*strays, *apart))
        return value, 2 * np.stack(
            [
                error + self.tie * (slopes_adjoint(*strays) + apart[0]),
                error + RAIN_PENALTY * rain + self.tie * apart[1],
            ]
        ).ravel()


def _descend(objective: Objective, start: Layers) -> Layers:
    """Minimises within 0 ≤ B, R ≤ O."""
    from scipy.optimize import Bounds, minimize

    luminance = objective.luminance
    found = minimize(
        objective,
        np.stack([start.background, start.rain]).ravel().astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(0, np.tile(luminance.ravel(), 2).astype(np.float64)),
        options={"maxiter": DESCENTS},
    )
    return Layers(*found.x.astype(np.float32).reshape(2, *luminance.shape))


def slopes(plane: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """∇: differences to the pixel below and to the right, none at the edge."""
    return np.diff(plane, axis=0, append=plane[-1:]), np.diff(plane, axis=1, append=plane[:, -1:])


def slopes_adjoint(down: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.floating]:
    """∇ᵀ."""
    plane = -down - right
    plane[1:] += down[:-1]
    plane[:, 1:] += right[:, :-1]
    return plane


def _square(values: NDArray[np.floating]) -> float:
    return float(np.vdot(values, values))


def denoised(plane: Plane, prior: PatchMixture, noise: float, *, means: bool) -> Plane:
    """At every pixel the mean of the Wiener estimates of the patches that hold it; band by band.

    `means`: whether patches, which are denoised without their means, get them back.
    """
    windows = np.lib.stride_tricks.sliding_window_view(plane, (SIDE, SIDE))
    height, width = windows.shape[:2]
    sums, counts = np.zeros_like(plane), np.zeros_like(plane)
    for top in range(0, height, BAND):
        band = windows[top : top + BAND]
        patches, mean = without_mean(band.reshape(-1, SIDE * SIDE))
        estimates = (prior.denoised(patches, noise) + means * mean).reshape(band.shape)
        for y, x in np.ndindex(SIDE, SIDE):
            place = np.s_[top + y : top + y + len(band), x : x + width]
            sums[place] += estimates[..., y, x]
            counts[place] += 1
    return sums / counts


def rain_prior(luminance: Plane) -> PatchMixture:
    """Learns the patches of the flattest window, which are rain and hardly anything else."""
    windows = np.lib.stride_tricks.sliding_window_view(flattest_window(luminance), (SIDE, SIDE))
    patches, _ = without_mean(windows.reshape(-1, SIDE * SIDE))
    lively = patches[patches.var(1) > RAIN_LEAST_VARIANCE]
    mixtures = fit(lively if len(lively) else patches, RAIN_COMPONENTS, RAIN_RANK, np.random.default_rng(0))
    return next(islice(mixtures, RAIN_PASSES, None))


def flattest_window(luminance: Plane) -> Plane:
    """The window of at most 100×100 pixels with the least variance."""
    height, width = (min(RAIN_WINDOW, side) for side in luminance.shape)
    values = luminance.astype(np.float64)
    variance = _window_means(values**2, height, width) - _window_means(values, height, width) ** 2
    top, left = np.unravel_index(variance.argmin(), variance.shape)
    return luminance[top : top + height, left : left + width]


def _window_means(values: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Of every whole window, by running sums."""
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    rows = sums[height:] - sums[:-height]
    return (rows[:, width:] - rows[:, :-width]) / (height * width)
