"""Mixture of zero-mean Gaussians over picture patches, the prior of the classical method GMM.

Each component keeps its largest directions of variance and gives all others one variance in common (Tipping,
Bishop, "Mixtures of probabilistic principal component analysers", Neural Computation 1999): a quarter of
the numbers and of the work of full covariances.

Patches are rows of N×64 float32: 8×8 pixels in reading order, their own mean taken off.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deraincli.errors import ModelError

SIDE = 8
"""Of a patch, in pixels."""
LEAST_VARIANCE = 1e-6
"""No direction varies less: about what rounding to 8 bits adds. Pictures run from 0 to 1."""
LEAST_SHARE = 1e-4
"""Components that claim less of a patch learn nothing from it, which saves most of the work."""
CHUNK = 2048
"""Patches at a time: what is computed of them should stay in the cache."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class PatchMixture:
    """K components with R directions each."""

    shares: Array
    """K, sum 1: how often each component occurs."""
    directions: Array
    """K×R×64, orthonormal within a component."""
    variances: Array
    """K×R: along the directions."""
    rest: Array
    """K: along everything else."""

    def log_joint(self, patches: Array, noise: float = 0.0) -> Array:
        """N×K: log of share times density of each component; `noise`: variance of white noise in patches."""
        count, rank, size = self.directions.shape
        variances, rest = self.variances + noise, self.rest + noise
        offset = np.log(self.shares) - 0.5 * (
            np.log(variances).sum(1) + (size - rank) * np.log(rest) + size * math.log(2 * math.pi)
        )
        # |x|²/rest, less what the directions explain: the quadratic form of the whole covariance.
        weights = np.sqrt(np.maximum(1 / rest[:, None] - 1 / variances, 0))
        scaled = (self.directions * weights[..., None]).reshape(-1, size).T.astype(np.float32)
        answer = np.empty((len(patches), count), np.float32)
        for start in range(0, len(patches), CHUNK):
            chunk = patches[start : start + CHUNK]
            explained = np.square(chunk @ scaled).reshape(-1, count, rank).sum(2)
            energy = np.square(chunk).sum(1, keepdims=True)
            answer[start : start + CHUNK] = offset - 0.5 * (energy / rest - explained)
        return answer

    def denoised(self, patches: Array, noise: float) -> Array:
        """The Wiener estimate of each patch by its likeliest component, Σ(Σ + noise·I)⁻¹ x."""
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


def fit(patches: Array, components: int, rank: int, rng: np.random.Generator) -> Iterator[PatchMixture]:
    """Learns by expectation maximisation, without end: each mixture is likelier than the last."""
    seeds = patches[rng.choice(len(patches), components, replace=len(patches) < components)]
    nearest = np.empty(len(patches), np.intp)
    for start in range(0, len(patches), CHUNK):
        likeness = np.abs(patches[start : start + CHUNK] @ seeds.T)  # a patch and its negative are alike
        nearest[start : start + CHUNK] = (2 * likeness - np.square(seeds).sum(1)).argmax(1)
    mixture = _maximise(patches, np.eye(components, dtype=np.float32)[nearest], rank)
    while True:
        yield mixture
        mixture = improved(mixture, patches)


def improved(mixture: PatchMixture, patches: Array) -> PatchMixture:
    """One step of expectation maximisation."""
    joint = mixture.log_joint(patches)
    claims = np.exp(joint - joint.max(1, keepdims=True))
    claims /= claims.sum(1, keepdims=True)
    return _maximise(patches, claims, mixture.directions.shape[1])


def _maximise(patches: Array, claims: Array, rank: int) -> PatchMixture:
    """The likeliest mixture for N×K claims of the components to the patches."""
    claims = np.where(claims < LEAST_SHARE, 0, claims)
    size = patches.shape[1]
    directions, variances, rest = [], [], []
    for claim in claims.T:
        rows = np.flatnonzero(claim)
        mine = patches[rows] * np.sqrt(claim[rows, None])
        covariance = (mine.T @ mine).astype(np.float64) / max(float(claim.sum()), 1.0)
        values, vectors = np.linalg.eigh(covariance)  # the smallest come first
        values = np.maximum(values, LEAST_VARIANCE)
        directions.append(vectors[:, size - rank :].T)
        variances.append(values[size - rank :])
        rest.append(values[: size - rank].mean() if rank < size else LEAST_VARIANCE)
    shares = np.maximum(claims.sum(0), 1) / np.maximum(claims.sum(0), 1).sum()
    return PatchMixture(*(np.asarray(part, np.float32) for part in (shares, directions, variances, rest)))


def without_mean(patches: Array) -> tuple[Array, Array]:
    """Patches less their means, and the means as N×1."""
    means = patches.mean(1, keepdims=True)
    return patches - means, means


def save(mixture: PatchMixture) -> bytes:
    """A safetensors file of float16; variances, which may be as small as a millionth, as logarithms."""
    from safetensors.numpy import save as pack

    tensors = {
        "shares": np.log(mixture.shares),
        "directions": mixture.directions,
        "variances": np.log(mixture.variances),
        "rest": np.log(mixture.rest),
    }
    return pack({name: tensor.astype(np.float16) for name, tensor in tensors.items()})


def load(path: Path) -> PatchMixture:
    """Reads what `save` made. Raises ModelError if it is missing or damaged."""
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
        raise ModelError(f"{path} is no intact prior: install deraincli again.") from None
