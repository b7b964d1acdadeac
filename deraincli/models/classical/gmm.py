"""GMM, a classical method (Li et al., CVPR 2016).

Li, Tan, Guo, Lu, Brown, "Rain streak removal using layer priors". The luminance O is separated into
background B and rain R, both between 0 and O, that minimise

    |O − B − R|² + α|∇B|₁ + β|R|² − γ Σ log G_B(patch of B) − γ Σ log G_R(patch of R).

G_B is a mixture of Gaussians learnt from clean photos. G_R is a mixture learnt from the flattest window of
the picture itself, where only rain varies. The sum is minimised by half-quadratic splitting. Gradients and
patches get auxiliary variables H and g, which a weight ω couples to the layers. ω doubles at every step.

Some choices are ours. The paper does not give the first ω, see FIRST_COUPLING. A pixel takes the mean of the
patches that cover it instead of their sum. Patches of rain lose their own mean, which is mostly background.
There are STEPS steps instead of the paper's 20, because later steps gave rain back on crops of validation
pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deraincli.models.classical.patch_mixture import SIDE, PatchMixture, fit, load, without_mean
from deraincli.pixels import LUMA, Floats

PRIOR_FILE = "gmm-background.safetensors"
"""Below the folder `weights`. `examples/classical/learn_background_prior.py` shows how it was learnt."""

STEPS = 3
SPARSITY = 0.05
"""α, the weight of the background's gradients."""
RAIN_PENALTY = 0.01
"""β, the weight of the rain's energy."""
PRIOR_WEIGHT = 0.01
"""γ, the weight of the priors."""
FIRST_COUPLING = 0.3
"""ω of the first step."""
DESCENTS = 15
"""Iterations of L-BFGS-B in a step. They start from the layers of the previous step."""

RAIN_WINDOW = 100
"""Side of the window from which the prior of rain is learnt, in pixels."""
RAIN_COMPONENTS = 20
"""Gaussians in the prior of rain."""
RAIN_RANK = 16
"""Directions of each Gaussian in the prior of rain."""
RAIN_PASSES = 10
"""Steps of expectation maximisation for the prior of rain."""
RAIN_LEAST_VARIANCE = 1e-5
"""Smallest variance of a patch that shows rain. Values are in 0–1."""

BAND = 32
"""Rows of patches that are in memory at a time."""


def restore(rainy: NDArray[np.float32], prior: Path) -> Iterator[NDArray[np.float32]]:
    """Restores a picture step by step.

    What the layers do not explain stays in the picture. R, G and B lose the same amount.

    Args:
        rainy: H×W×3 RGB in 0–1, at least 8×8.
        prior: The file of the background's mixture.

    Yields:
        The rainy picture, and then the estimate after each step.

    Raises:
        ModelError: The prior is missing or damaged.
    """
    luminance = rainy @ np.array(LUMA, np.float32)
    for layers in separate(luminance, load(prior)):
        yield rainy - layers.rain[..., None]


@dataclass(frozen=True)
class Layers:
    """The separated layers of a luminance, or their denoised versions."""

    background: Floats
    """H×W in 0–1."""
    rain: Floats
    """H×W in 0–1."""


def separate(luminance: Floats, clean: PatchMixture, steps: int = STEPS) -> Iterator[Layers]:
    """Separates a luminance step by step.

    Args:
        luminance: H×W in 0–1, at least 8×8.
        clean: The prior of the background.
        steps: Number of steps.

    Yields:
        The start without any rain, and then the layers after each step.
    """
    layers = Layers(luminance, np.zeros_like(luminance))
    yield layers
    rain = rain_prior(luminance)
    coupling, auxiliary = FIRST_COUPLING, layers
    for step in range(steps):
        if step:
            noise = PRIOR_WEIGHT / (2 * coupling)
            auxiliary = Layers(
                denoised(layers.background, clean, noise, means=True),
                denoised(layers.rain, rain, noise, means=False),
            )
            coupling *= 2
        threshold = SPARSITY / (2 * coupling)
        gradients = [
            np.sign(slope) * np.maximum(np.abs(slope) - threshold, 0) for slope in slopes(layers.background)
        ]
        layers = _descend(Objective(luminance, gradients, auxiliary, coupling), layers)
        yield layers


@dataclass(frozen=True)
class Objective:
    """The quadratic function that one step minimises over B and R. H and g are fixed."""

    luminance: Floats
    """O, H×W in 0–1."""
    gradients: list[Floats]
    """H, for both directions."""
    auxiliary: Layers
    """The means of the g that cover each pixel."""
    coupling: float
    """ω."""

    def __call__(self, layers: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Computes the value and the gradient at B and R, flattened one after the other."""
        background, rain = layers.reshape(2, *self.luminance.shape)
        error = background + rain - self.luminance
        slope_errors = [slope - goal for slope, goal in zip(slopes(background), self.gradients, strict=True)]
        layer_errors = background - self.auxiliary.background, rain - self.auxiliary.rain
        value = _square(error) + RAIN_PENALTY * _square(rain)
        value += self.coupling * sum(_square(part) for part in (*slope_errors, *layer_errors))
        return value, 2 * np.stack(
            [
                error + self.coupling * (slopes_adjoint(*slope_errors) + layer_errors[0]),
                error + RAIN_PENALTY * rain + self.coupling * layer_errors[1],
            ]
        ).ravel()


def _descend(objective: Objective, start: Layers) -> Layers:
    """Minimises an objective from given layers, under 0 ≤ B ≤ O and 0 ≤ R ≤ O."""
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
    """Computes ∇: the differences to the pixel below and to the right. They are 0 at the edges."""
    return np.diff(plane, axis=0, append=plane[-1:]), np.diff(plane, axis=1, append=plane[:, -1:])


def slopes_adjoint(down: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.floating]:
    """Computes ∇ᵀ, the adjoint of `slopes`."""
    plane = -down - right
    plane[1:] += down[:-1]
    plane[:, 1:] += right[:, :-1]
    return plane


def _square(values: NDArray[np.floating]) -> float:
    return float(np.vdot(values, values))


def denoised(plane: Floats, prior: PatchMixture, noise: float, *, means: bool) -> Floats:
    """Denoises a plane patch by patch. Each pixel is the mean of the patches that cover it.

    Args:
        plane: H×W.
        prior: The prior of the patches without their means.
        noise: Variance of the noise.
        means: Whether the denoised patches get their means back.

    Returns:
        The denoised plane, H×W.
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


def rain_prior(luminance: Floats) -> PatchMixture:
    """Learns the patches of the flattest window, which shows almost only rain."""
    windows = np.lib.stride_tricks.sliding_window_view(flattest_window(luminance), (SIDE, SIDE))
    patches, _ = without_mean(windows.reshape(-1, SIDE * SIDE))
    varied = patches[patches.var(1) > RAIN_LEAST_VARIANCE]
    mixtures = fit(varied if len(varied) else patches, RAIN_COMPONENTS, RAIN_RANK, np.random.default_rng(0))
    return next(islice(mixtures, RAIN_PASSES, None))


def flattest_window(luminance: Floats) -> Floats:
    """Returns the window of at most 100×100 pixels with the least variance."""
    height, width = (min(RAIN_WINDOW, side) for side in luminance.shape)
    values = luminance.astype(np.float64)
    variance = _window_means(values**2, height, width) - _window_means(values, height, width) ** 2
    top, left = np.unravel_index(variance.argmin(), variance.shape)
    return luminance[top : top + height, left : left + width]


def _window_means(values: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Returns the mean of every whole window, computed by running sums."""
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    rows = sums[height:] - sums[:-height]
    return (rows[:, width:] - rows[:, :-width]) / (height * width)
