"""The DSC method: the screen blend, and its sparse codes against a slow matching pursuit."""

from __future__ import annotations

import numpy as np
import pytest
from paired import rain_on, scene
from skimage.metrics import peak_signal_noise_ratio

from deraincli.models.classical import dsc
from deraincli.models.classical.dsc import Layers


def uniform(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, np.float32)


def screen(background: np.ndarray, rain: np.ndarray) -> np.ndarray:
    return background + rain - background * rain


def unit_atoms(count: int, seed: int = 1) -> np.ndarray:
    atoms = np.random.default_rng(seed).normal(size=(count, 256)).astype(np.float32)
    return atoms / np.linalg.norm(atoms, axis=1, keepdims=True)


def test_taking_the_rain_out_undoes_the_screen_blend() -> None:
    clean, rain = uniform(20, 30, 3), 0.9 * uniform(20, 30, seed=1)
    np.testing.assert_allclose(dsc.without(screen(clean, rain[..., None]), rain), clean, atol=1e-5)


def test_balancing_leaves_alone_what_blends_to_the_picture() -> None:
    coded = Layers(uniform(20, 30), 0.5 * uniform(20, 30, seed=1))
    found = dsc.balanced(screen(*coded), coded)
    np.testing.assert_allclose(found.background, coded.background, atol=1e-5)
    np.testing.assert_allclose(found.rain, coded.rain, atol=1e-5)


def test_balancing_brings_the_blend_nearer_to_the_picture() -> None:
    picture, coded = uniform(20, 30), Layers(uniform(20, 30, seed=1), 0.3 * uniform(20, 30, seed=2))
    found = dsc.balanced(picture, coded)
    before, after = (np.abs(screen(*layers) - picture).mean() for layers in (coded, found))
    assert after < before / 4
    for layer in found:
        assert layer.min() >= 0
        assert (layer <= picture + 1e-6).all()


def slow_pursuit(patch: np.ndarray, atoms: np.ndarray, rain_atoms: int) -> np.ndarray:
    """Codes of one patch, one atom after the other, by NumPy's least squares."""
    codes, chosen = np.zeros(len(atoms)), []
    room = {False: dsc.BACKGROUND_LIMIT, True: dsc.RAIN_LIMIT}
    if not rain_atoms:
        room[False] = dsc.BACKGROUND_LIMIT + dsc.RAIN_LIMIT
    left = patch.astype(np.float64)
    while np.mean(left**2) > dsc.TOLERANCE**2 and sum(room.values()):
        kinds = np.arange(len(atoms)) >= len(atoms) - rain_atoms
        free = [k for k in range(len(atoms)) if k not in chosen and room[bool(kinds[k])]]
        best = max(free, key=lambda k: abs(atoms[k] @ left))
        chosen.append(best)
        room[bool(kinds[best])] -= 1
        weights = np.linalg.lstsq(atoms[chosen].T, patch, rcond=None)[0]
        codes[:] = 0
        codes[chosen] = weights
        left = patch - codes @ atoms
        if not rain_atoms and not room[False]:
            break
    return codes


@pytest.mark.parametrize("rain_atoms", [0, 15])
def test_codes_are_those_of_a_matching_pursuit_step_by_step(rain_atoms: int) -> None:
    atoms = unit_atoms(40)
    sparse = uniform(12, 40, seed=2) * (uniform(12, 40, seed=3) > 0.7)
    patches = (sparse @ atoms / 3).astype(np.float32)
    patches[0] = 0
    codes = dsc.encode(patches, atoms, rain_atoms).toarray()
    for patch, found in zip(patches, codes, strict=True):
        np.testing.assert_allclose(found, slow_pursuit(patch, atoms, rain_atoms), atol=1e-3)
    if rain_atoms:
        assert (codes[:, 25:] != 0).sum(1).max() <= dsc.RAIN_LIMIT
        assert (codes[:, :25] != 0).sum(1).max() == dsc.BACKGROUND_LIMIT


def test_updated_atoms_have_length_one_and_fit_better() -> None:
    """A step of the method of optimal directions, the codes scaled with the atoms' lengths."""
    atoms, truth = unit_atoms(30), unit_atoms(30, seed=5)
    patches = ((uniform(400, 30, seed=2) > 0.9) @ truth).astype(np.float32)
    errors = []
    for _ in range(3):
        codes = dsc.encode(patches, atoms, 0)
        errors.append(np.square(patches - codes @ atoms).sum())
        atoms = dsc.updated(atoms, patches, codes)
        np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1, atol=1e-4)
    assert errors[2] < errors[1] < errors[0]


def test_stripes_from_top_to_bottom_are_the_most_upright() -> None:
    stripes = np.repeat(uniform(1, 16), 16, axis=0)
    blob, across = uniform(16, 16, seed=3), stripes.T
    scores = dsc.uprightness(np.stack([across, blob, stripes]).reshape(3, 256))
    assert (np.diff(scores) > 0).all()


@pytest.fixture
def few_atoms(monkeypatch) -> None:
    """Fewer atoms than for a photo, and fewer steps."""
    monkeypatch.setattr(dsc, "BACKGROUND_ATOMS", 96)
    monkeypatch.setattr(dsc, "RAIN_ATOMS", 32)
    monkeypatch.setattr(dsc, "LOOPS", 2)


def test_streaks_are_thinned(few_atoms) -> None:
    """On a picture of smooth blobs under bright lines."""
    clean = scene(1)
    rainy = rain_on(clean, 1)
    first, *_, last = dsc.restore((rainy / 255).astype(np.float32))
    np.testing.assert_allclose(first, rainy / 255, atol=1e-6)
    before = peak_signal_noise_ratio(clean / 255, rainy / 255, data_range=1)
    assert peak_signal_noise_ratio(clean / 255, last.clip(0, 1), data_range=1) > before + 0.5


def test_a_picture_without_anything_stays_so(few_atoms) -> None:
    grey = np.full((16, 32, 3), 0.4, np.float32)
    for estimate in dsc.restore(grey):
        np.testing.assert_allclose(estimate, grey, atol=1e-3)
