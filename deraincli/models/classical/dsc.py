"""DSC, a classical method (Luo et al., ICCV 2015).

Luo, Xu, Ji, "Removing rain from a single image via discriminative sparse coding".

Rain and scene are joined by a screen blend, J = B + R − B∘R, with all values in 0–1. Patches of both layers
are sparse combinations of atoms that are learnt from the picture itself. Each atom belongs to one layer.
Sizes and limits are those of the authors' demo. The code itself was never released, so these are our choices:

- Only luminance is separated. R is then removed from every channel.
- Rain atoms are those that change most from left to right and least from top to bottom.
- Patches of B + R, which is linear in both codes, are coded by orthogonal matching pursuit.
- Dictionaries are updated by the method of optimal directions (Engan, Aase, Husøy, ICASSP 1999).
- What the codes do not explain stays in the background.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deraincli.pixels import LUMA, Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SIDE = 16
"""Side of a patch, in pixels."""
BACKGROUND_ATOMS, RAIN_ATOMS = 512, 128
"""Numbers of atoms."""
BACKGROUND_LIMIT, RAIN_LIMIT = 5, 8
"""Largest numbers of background and rain atoms in the code of a patch."""
SAMPLES, SAMPLE_STRIDE = 10_000, 3
"""Largest number of patches to learn from, and the distance between candidates in pixels."""
STRIDE = 2
"""Distance between coded patches, in pixels."""
LEARNING_STEPS = 5
"""Steps that learn one dictionary before its atoms are divided."""
LOOPS = 5
"""Steps that alternate between separating the layers and updating the atoms."""
STEPS = LEARNING_STEPS + LOOPS

TOLERANCE = 2 / 255
"""Root mean square error, 0–1, at which a patch gets no further atoms."""
BACKGROUND_TRUST, RAIN_TRUST = 0.01, 10.0
"""Weights of the layers' codes, relative to 1 for the blend. Rain follows its code most."""
BALANCES = 3
"""Number of times that each layer is fitted to the other."""
BAND = 16
"""Rows of patches that are coded at a time, to limit memory."""


class Layers(NamedTuple):
    """The separated layers of a luminance."""

    background: Floats
    """H×W in 0–1."""
    rain: Floats
    """H×W in 0–1."""


def restore(rainy: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Restores a picture step by step. The first steps only learn and leave the picture unchanged.

    Args:
        rainy: H×W×3 RGB in 0–1. H and W must be multiples of 16.

    Yields:
        The rainy picture, and then the estimate after each step.
    """
    for layers in separate(rainy @ np.array(LUMA, np.float32)):
        yield without(rainy, layers.rain)


def without(rainy: NDArray[np.float32], rain: Floats) -> NDArray[np.float32]:
    """Removes rain from a picture by inverting the screen blend, 1 − J = (1 − B)(1 − R).

    Args:
        rainy: The picture J, H×W×3 in 0–1.
        rain: The rain R, H×W in 0–1.

    Returns:
        The background B, H×W×3.
    """
    transmitted = np.maximum(1 - rain[..., None], 1e-3)
    return (1 - (1 - rainy) / transmitted).astype(np.float32)


def separate(luminance: Floats) -> Iterator[Layers]:
    """Separates a luminance, H×W in 0–1, step by step.

    Yields:
        The start without any rain, and then the layers after each step.
    """
    layers = Layers(luminance, np.zeros_like(luminance))
    yield layers
    rng = np.random.default_rng(0)
    samples = _samples(luminance, rng)
    atoms = _unit(samples[rng.choice(len(samples), BACKGROUND_ATOMS + RAIN_ATOMS)])
    for _ in range(LEARNING_STEPS):
        atoms = updated(atoms, samples, encode(samples, atoms, 0))
        yield layers
    atoms = atoms[np.argsort(uprightness(atoms))]  # the last RAIN_ATOMS atoms become rain
    for _ in range(LOOPS):
        layers = balanced(luminance, _decoded(layers, atoms))
        yield layers
        samples = _samples(layers.background + layers.rain, rng)
        atoms = updated(atoms, samples, encode(samples, atoms, RAIN_ATOMS))


def _samples(plane: Floats, rng: np.random.Generator) -> Floats:
    """Returns at most SAMPLES random patches without their means, N×256."""
    windows = np.lib.stride_tricks.sliding_window_view(plane, (SIDE, SIDE))[::SAMPLE_STRIDE, ::SAMPLE_STRIDE]
    height, width = windows.shape[:2]
    chosen = rng.permutation(height * width)[:SAMPLES]
    patches = windows[chosen // width, chosen % width].reshape(-1, SIDE * SIDE)
    return patches - patches.mean(1, keepdims=True)


def _unit(atoms: Floats) -> Floats:
    """Scales atoms to length 1. Zero atoms stay zero."""
    return atoms / np.maximum(np.linalg.norm(atoms, axis=1, keepdims=True), 1e-6)


def uprightness(atoms: Floats) -> NDArray[np.float32]:
    """Returns the ratio of each atom's change from left to right to its change from top to bottom."""
    squares = atoms.reshape(-1, SIDE, SIDE)
    across, along = np.diff(squares, axis=2), np.diff(squares, axis=1)
    return np.square(across).sum((1, 2)) / (np.square(along).sum((1, 2)) + 1e-6)


def encode(patches: Floats, atoms: Floats, rain_atoms: int) -> csr_array:
    """Codes patches by orthogonal matching pursuit.

    Args:
        patches: N×256, without their means.
        atoms: K×256 of length 1.
        rain_atoms: Number of rain atoms, which are the last of the K atoms. A code has at most RAIN_LIMIT
            rain atoms and BACKGROUND_LIMIT others. If 0, only the sum of the limits counts.

    Returns:
        The codes, a sparse N×K matrix.
    """
    from scipy.sparse import csr_array

    count, limits = len(atoms), (BACKGROUND_LIMIT, RAIN_LIMIT)
    is_rain = np.arange(count) >= count - rain_atoms
    gram, likeness = atoms @ atoms.T, patches @ atoms.T
    most = sum(limits)
    chosen = np.zeros((len(patches), most), np.intp)
    weights = np.zeros((len(patches), most), np.float32)
    active = np.arange(len(patches))
    remaining = likeness.copy()
    for taken in range(most):
        energy = np.square(patches[active]).sum(1) - (weights * _at(likeness, chosen))[active].sum(1)
        keep = energy > patches.shape[1] * TOLERANCE**2
        active, remaining = active[keep], remaining[keep]
        if not len(active):
            break
        score = np.abs(remaining)
        np.put_along_axis(score, chosen[active, :taken], -1, axis=1)
        if rain_atoms:
            rainy = is_rain[chosen[active, :taken]].sum(1)
            score[np.ix_(rainy >= RAIN_LIMIT, is_rain)] = -1
            score[np.ix_(taken - rainy >= BACKGROUND_LIMIT, ~is_rain)] = -1
        chosen[active, taken] = score.argmax(1)
        mine = chosen[active, : taken + 1]
        system = gram[mine[:, :, None], mine[:, None, :]] + 1e-5 * np.eye(taken + 1, dtype=np.float32)
        weights[active, : taken + 1] = np.linalg.solve(system, _at(likeness[active], mine)[..., None])[..., 0]
        starts = np.arange(len(active) + 1) * (taken + 1)
        codes = csr_array(
            (weights[active, : taken + 1].ravel(), mine.ravel(), starts), shape=(len(active), count)
        )
        remaining = likeness[active] - codes @ gram
    starts = np.arange(len(patches) + 1) * most
    return csr_array((weights.ravel(), chosen.ravel(), starts), shape=(len(patches), count))


def _at(values: Floats, columns: NDArray[np.intp]) -> Floats:
    return np.take_along_axis(values, columns, axis=1)


def updated(atoms: Floats, patches: Floats, codes: csr_array) -> Floats:
    """Returns the atoms that best reconstruct patches from their codes.

    Args:
        atoms: K×256. Atoms that no code uses are kept.
        patches: N×256.
        codes: The sparse N×K matrix of codes.

    Returns:
        The atoms of length 1, K×256.
    """
    products = (codes.T @ codes).toarray()
    busy = products.diagonal() > 1e-6
    system = products[np.ix_(busy, busy)]
    system += 1e-3 * np.diag(system.diagonal())
    atoms = atoms.copy()
    atoms[busy] = _unit(np.linalg.solve(system, (codes.T @ patches)[busy]))
    return atoms


def _decoded(layers: Layers, atoms: Floats) -> Layers:
    """Reconstructs both layers from their atoms. Each pixel is the mean of the patches that cover it."""
    total = layers.background + layers.rain
    windows = np.lib.stride_tricks.sliding_window_view(total, (SIDE, SIDE))[::STRIDE, ::STRIDE]
    rows, columns = windows.shape[:2]
    background, rain, counts = (np.zeros_like(total) for _ in range(3))
    for top in range(0, rows, BAND):
        band = windows[top : top + BAND]
        patches = band.reshape(-1, SIDE * SIDE)
        means = patches.mean(1, keepdims=True)
        codes = encode(patches - means, atoms, RAIN_ATOMS)
        rain_patches = codes[:, -RAIN_ATOMS:] @ atoms[-RAIN_ATOMS:]
        # Rain only adds light.
        rain_patches = np.maximum(rain_patches - np.median(rain_patches, axis=1, keepdims=True), 0)
        background_patches = codes[:, :-RAIN_ATOMS] @ atoms[:-RAIN_ATOMS]
        background_patches += means - rain_patches.mean(1, keepdims=True)
        for y, x in np.ndindex(SIDE, SIDE):
            place = np.s_[
                STRIDE * top + y : STRIDE * (top + len(band)) + y - STRIDE + 1 : STRIDE,
                x : STRIDE * (columns - 1) + x + 1 : STRIDE,
            ]
            background[place] += background_patches.reshape(band.shape)[..., y, x]
            rain[place] += rain_patches.reshape(band.shape)[..., y, x]
            counts[place] += 1
    return Layers((background / counts).astype(np.float32), (rain / counts).astype(np.float32))


def balanced(luminance: Floats, coded: Layers) -> Layers:
    """Fits layers to their codes and to the blend, by least squares in B and R alternately.

    Args:
        luminance: The luminance of the rainy picture, H×W in 0–1.
        coded: The layers as reconstructed from their codes.

    Returns:
        The layers, with values in 0–1.
    """
    background, rain = (layer.clip(0, luminance) for layer in coded)
    for _ in range(BALANCES):
        clear = 1 - background
        rain = (clear * (luminance - background) + RAIN_TRUST * coded.rain) / (clear**2 + RAIN_TRUST)
        rain = rain.clip(0, luminance)
        clear = 1 - rain
        background = (clear * (luminance - rain) + BACKGROUND_TRUST * coded.background) / (
            clear**2 + BACKGROUND_TRUST
        )
        background = background.clip(0, luminance)
    return Layers(background, rain)
