"""DSC, a classical method (Luo et al., ICCV 2015).

Luo, Xu, Ji, "Removing rain from a single image via discriminative sparse coding".

Rain lies over the scene as in a screen blend, J = B + R − B∘R, all within 0 and 1. Patches of both layers are
sparse combinations of atoms learnt from the picture itself, and an atom serves one layer alone. Sizes and
limits are those of the authors' demo; the code itself was never released, so these are our choices:

- luminance alone is parted, and R then taken from every channel;
- rain atoms are those that change most across and least along the vertical;
- of B + R, which is linear in both codes, patches are coded by orthogonal matching pursuit;
- dictionaries follow by the method of optimal directions (Engan, Aase, Husøy, ICASSP 1999);
- what the codes leave unexplained stays with the background.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deraincli.models.luma import LUMA

SIDE = 16
"""Of a patch, in pixels."""
BACKGROUND_ATOMS, RAIN_ATOMS = 512, 128
BACKGROUND_LIMIT, RAIN_LIMIT = 5, 8
"""Atoms that a patch may take of each."""
SAMPLES, SAMPLE_STRIDE = 10_000, 3
"""Patches to learn from."""
STRIDE = 2
"""Between patches that are coded."""
LEARNING_STEPS = 5
LOOPS = 5
STEPS = LEARNING_STEPS + LOOPS

TOLERANCE = 2 / 255
"""Patches known this well, in root mean square, take no more atoms."""
BACKGROUND_TRUST, RAIN_TRUST = 0.01, 10.0
"""How far the layers follow their codes, against 1 for the blend: rain is what its atoms say."""
BALANCES = 3
"""Times that each layer is fitted to the other."""
BAND = 16
"""Rows of patches that are coded at a time."""

Plane = NDArray[np.float32]


class Layers(NamedTuple):
    """Background and rain, each H×W in 0–1."""

    background: Plane
    rain: Plane


def restore(rainy: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yields the rainy picture, H×W×3 RGB in 0–1, and then what every step makes of it.

    Sides are multiples of 16. The first steps only learn and leave the picture as it is.
    """
    for layers in separate(rainy @ np.array(LUMA, np.float32)):
        yield without(rainy, layers.rain)


def without(rainy: NDArray[np.float32], rain: Plane) -> NDArray[np.float32]:
    """Takes H×W of rain out of H×W×3: the screen blend undone, 1 − J = (1 − B)(1 − R)."""
    passed = np.maximum(1 - rain[..., None], 1e-3)
    return (1 - (1 - rainy) / passed).astype(np.float32)


def separate(luminance: Plane) -> Iterator[Layers]:
    """Yields the start, which is no rain at all, and then the layers after every step."""
    layers = Layers(luminance, np.zeros_like(luminance))
    yield layers
    rng = np.random.default_rng(0)
    samples = _samples(luminance, rng)
    atoms = _unit(samples[rng.choice(len(samples), BACKGROUND_ATOMS + RAIN_ATOMS)])
    for _ in range(LEARNING_STEPS):
        atoms = updated(atoms, samples, encode(samples, atoms, 0))
        yield layers
    atoms = atoms[np.argsort(uprightness(atoms))]  # rain comes last
    for _ in range(LOOPS):
        layers = balanced(luminance, _decoded(layers, atoms))
        yield layers
        samples = _samples(layers.background + layers.rain, rng)
        atoms = updated(atoms, samples, encode(samples, atoms, RAIN_ATOMS))


def _samples(plane: Plane, rng: np.random.Generator) -> Plane:
    """N×256 patches less their means, at most SAMPLES of them."""
    windows = np.lib.stride_tricks.sliding_window_view(plane, (SIDE, SIDE))[::SAMPLE_STRIDE, ::SAMPLE_STRIDE]
    height, width = windows.shape[:2]
    chosen = rng.permutation(height * width)[:SAMPLES]
    patches = windows[chosen // width, chosen % width].reshape(-1, SIDE * SIDE)
    return patches - patches.mean(1, keepdims=True)


def _unit(atoms: Plane) -> Plane:
    """Atoms of length 1; those that are nothing stay nothing."""
    return atoms / np.maximum(np.linalg.norm(atoms, axis=1, keepdims=True), 1e-6)


def uprightness(atoms: Plane) -> NDArray[np.float32]:
    """How much stronger each atom changes from left to right than from top to bottom."""
    squares = atoms.reshape(-1, SIDE, SIDE)
    across, along = np.diff(squares, axis=2), np.diff(squares, axis=1)
    return np.square(across).sum((1, 2)) / (np.square(along).sum((1, 2)) + 1e-6)


def encode(patches: Plane, atoms: Plane, rain_atoms: int) -> Any:
    """Orthogonal matching pursuit: a sparse N×K matrix of codes.

    The last `rain_atoms` of the K atoms are rain. A patch takes no more of either kind than its limit.
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


def _at(values: Plane, columns: NDArray[np.intp]) -> Plane:
    return np.take_along_axis(values, columns, axis=1)


def updated(atoms: Plane, patches: Plane, codes: Any) -> Plane:
    """The atoms that reconstruct the patches best from their codes, at length 1; idle ones stay."""
    products = (codes.T @ codes).toarray()
    busy = products.diagonal() > 1e-6
    system = products[np.ix_(busy, busy)]
    system += 1e-3 * np.diag(system.diagonal())
    atoms = atoms.copy()
    atoms[busy] = _unit(np.linalg.solve(system, (codes.T @ patches)[busy]))
    return atoms


def _decoded(layers: Layers, atoms: Plane) -> Layers:
    """Both layers as their atoms give them: at every pixel the mean of the patches that hold it."""
    total = layers.background + layers.rain
    windows = np.lib.stride_tricks.sliding_window_view(total, (SIDE, SIDE))[::STRIDE, ::STRIDE]
    rows, columns = windows.shape[:2]
    background, rain, counts = (np.zeros_like(total) for _ in range(3))
    for top in range(0, rows, BAND):
        band = windows[top : top + BAND]
        patches = band.reshape(-1, SIDE * SIDE)
        means = patches.mean(1, keepdims=True)
        codes = encode(patches - means, atoms, RAIN_ATOMS)
        wet = codes[:, -RAIN_ATOMS:] @ atoms[-RAIN_ATOMS:]
        wet = np.maximum(wet - np.median(wet, axis=1, keepdims=True), 0)  # rain only adds light
        background_patches = codes[:, :-RAIN_ATOMS] @ atoms[:-RAIN_ATOMS]
        background_patches += means - wet.mean(1, keepdims=True)
        for y, x in np.ndindex(SIDE, SIDE):
            place = np.s_[
                STRIDE * top + y : STRIDE * (top + len(band)) + y - STRIDE + 1 : STRIDE,
                x : STRIDE * (columns - 1) + x + 1 : STRIDE,
            ]
            background[place] += background_patches.reshape(band.shape)[..., y, x]
            rain[place] += wet.reshape(band.shape)[..., y, x]
            counts[place] += 1
    return Layers((background / counts).astype(np.float32), (rain / counts).astype(np.float32))


def balanced(luminance: Plane, coded: Layers) -> Layers:
    """The layers near their codes that blend to the picture, by least squares in B and R by turns."""
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
