"""Mixture of zero-mean Gaussians over picture patches, the prior of the classical method GMM.

Each component keeps the directions of its largest variances. All other directions share one variance
(Tipping, Bishop, "Mixtures of probabilistic principal component analysers", Neural Computation 1999). This
needs a quarter of the numbers and of the work of full covariances.

Patches are rows of N×64 float32: 8×8 pixels in reading order, with their own mean subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deraincli.errors import ModelError
from deraincli.pixels import Floats

SIDE = 8
"""Side of a patch, in pixels."""
LEAST_VARIANCE = 1e-6
"""Smallest variance of a direction, about that of rounding to 8 bits. Pictures are in 0–1."""
LEAST_SHARE = 1e-4
"""Smallest responsibility for a patch, 0–1, that counts. Ignoring smaller ones saves most of the work."""
CHUNK = 2048
"""Patches that are computed at a time, so that intermediate results stay in the CPU's cache."""


@dataclass(frozen=True)
class PatchMixture:
    """A mixture of K components with R directions each."""

    shares: Floats
    """Weights of the components, K, with sum 1."""
    directions: Floats
    """Directions of the largest variances, K×R×64, orthonormal within a component."""
    variances: Floats
    """Variances along the directions, K×R."""
    rest: Floats
    """Variance along all other directions, K."""

    def log_joint(self, patches: Floats, noise: float = 0.0) -> Floats:
        """Computes the logarithm of each component's share times its density.

        Args:
            patches: N×64.
            noise: Variance of white noise in the patches.

        Returns:
            The logarithms, N×K.
        """
        count, rank, size = self.directions.shape
        variances, rest = self.variances + noise, self.rest + noise
        offset = np.log(self.shares) - 0.5 * (
            np.log(variances).sum(1) + (size - rank) * np.log(rest) + size * math.log(2 * math.pi)
        )
        # The quadratic form of the covariance is |x|²/rest minus the part that the directions explain.
        weights = np.sqrt(np.maximum(1 / rest[:, None] - 1 / variances, 0))
        scaled = (self.directions * weights[..., None]).reshape(-1, size).T.astype(np.float32)
        answer = np.empty((len(patches), count), np.float32)
        for start in range(0, len(patches), CHUNK):
            chunk = patches[start : start + CHUNK]
            explained = np.square(chunk @ scaled).reshape(-1, count, rank).sum(2)
            energy = np.square(chunk).sum(1, keepdims=True)
            answer[start : start + CHUNK] = offset - 0.5 * (energy / rest - explained)
        return answer

    def denoised(self, patches: Floats, noise: float) -> Floats:
        """Computes the Wiener estimate of each patch x by its likeliest component, Σ(Σ + noise·I)⁻¹ x.

        Args:
            patches: N×64.
            noise: Variance of white noise in the patches.

        Returns:
            The estimates, N×64.
        """
        chosen = self.log_joint(patches, noise).argmax(1)
        answer = np.empty_like(patches)
        rest_gain = self.rest / (self.rest + noise)
        gains = self.variances / (self.variances + noise) - rest_gain[:, None]
        for component in np.unique(chosen):
            rows = np.flatnonzero(chosen == component)
            directions, mine = self.directions[component], patches[rows]
            answer[rows] = rest_gain[component] * mine + (
                (mine @ directions.T) * gains[component] @ directions
            )
        return answer


def fit(patches: Floats, components: int, rank: int, rng: np.random.Generator) -> Iterator[PatchMixture]:
    """Learns a mixture by expectation maximisation.

    Args:
        patches: N×64.
        components: Number of components.
        rank: Number of directions of each component.
        rng: Source of randomness.

    Yields:
        Mixtures without end, each at least as likely as the one before.
    """
    seeds = patches[rng.choice(len(patches), components, replace=len(patches) < components)]
    nearest = np.empty(len(patches), np.intp)
    for start in range(0, len(patches), CHUNK):
        likeness = np.abs(patches[start : start + CHUNK] @ seeds.T)  # zero-mean densities ignore the sign
        nearest[start : start + CHUNK] = (2 * likeness - np.square(seeds).sum(1)).argmax(1)
    mixture = _maximise(patches, np.eye(components, dtype=np.float32)[nearest], rank)
    while True:
        yield mixture
        mixture = improved(mixture, patches)


def improved(mixture: PatchMixture, patches: Floats) -> PatchMixture:
    """Returns the mixture after one step of expectation maximisation on patches, N×64."""
    joint = mixture.log_joint(patches)
    responsibilities = np.exp(joint - joint.max(1, keepdims=True))
    responsibilities /= responsibilities.sum(1, keepdims=True)
    return _maximise(patches, responsibilities, mixture.directions.shape[1])


def _maximise(patches: Floats, responsibilities: Floats, rank: int) -> PatchMixture:
    """Returns the likeliest mixture for responsibilities of the components for the patches, N×K."""
    responsibilities = np.where(responsibilities < LEAST_SHARE, 0, responsibilities)
    size = patches.shape[1]
    directions, variances, rest = [], [], []
    for column in responsibilities.T:
        rows = np.flatnonzero(column)
        mine = patches[rows] * np.sqrt(column[rows, None])
        covariance = (mine.T @ mine).astype(np.float64) / max(float(column.sum()), 1.0)
        values, vectors = np.linalg.eigh(covariance)  # the smallest come first
        values = np.maximum(values, LEAST_VARIANCE)
        directions.append(vectors[:, size - rank :].T)
        variances.append(values[size - rank :])
        rest.append(values[: size - rank].mean() if rank < size else LEAST_VARIANCE)
    totals = np.maximum(responsibilities.sum(0), 1)
    shares = totals / totals.sum()
    return PatchMixture(*(np.asarray(part, np.float32) for part in (shares, directions, variances, rest)))


def without_mean(patches: Floats) -> tuple[Floats, Floats]:
    """Returns patches without their means, N×64, and the means, N×1."""
    means = patches.mean(1, keepdims=True)
    return patches - means, means


def save(mixture: PatchMixture) -> bytes:
    """Serialises a mixture as a safetensors file of float16.

    Variances are stored as logarithms, because they may be as small as a millionth.

    Args:
        mixture: The mixture.

    Returns:
        The file's content.
    """
    from safetensors.numpy import save as pack

    tensors = {
        "shares": np.log(mixture.shares),
        "directions": mixture.directions,
        "variances": np.log(mixture.variances),
        "rest": np.log(mixture.rest),
    }
    return pack({name: tensor.astype(np.float16) for name, tensor in tensors.items()})


def load(path: Path) -> PatchMixture:
    """Reads a file that `save` made.

    Args:
        path: The file.

    Raises:
        ModelError: The file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = {name: tensor.astype(np.float32) for name, tensor in load_file(path).items()}
        return PatchMixture(
            np.exp(tensors["shares"]),
            tensors["directions"],
            np.exp(tensors["variances"]),
            np.exp(tensors["rest"]),
        )
    except (OSError, SafetensorError, KeyError):
        raise ModelError(f"{path} is not an intact prior: install deraincli again.") from None
