"""The GMM method and its mixtures, against SciPy's formulas, finite differences and slow loops."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from paired import rain_on, scene, write_set
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from skimage.metrics import peak_signal_noise_ratio

from deraincli.files.locations import weights_folder
from deraincli.models.classical import gmm
from deraincli.models.classical.gmm import Layers, Objective
from deraincli.models.classical.patch_mixture import PatchMixture, fit, improved, load, save, without_mean
from deraincli.models.header import sha256

PRIOR = weights_folder() / gmm.PRIOR_FILE
EXAMPLE = Path(__file__).parents[3] / "examples/classical/learn_background_prior.py"


def striped_patches() -> np.ndarray:
    """Patches of two kinds: stripes across, and stripes along with a third of their strength."""
    rng = np.random.default_rng(0)
    across = np.repeat(rng.normal(size=(200, 8, 1)), 8, axis=2)
    along = np.repeat(rng.normal(size=(100, 1, 8)) / 3, 8, axis=1)
    patches = np.concatenate([across, along]) + 0.02 * rng.normal(size=(300, 8, 8))
    return without_mean(patches.reshape(300, 64).astype(np.float32))[0]


def covariance(mixture: PatchMixture, component: int) -> np.ndarray:
    directions = mixture.directions[component].astype(np.float64)
    extra = mixture.variances[component] - mixture.rest[component]
    return mixture.rest[component] * np.eye(64) + directions.T * extra @ directions


def mixture_of(patches: np.ndarray, passes: int = 4, components: int = 2) -> PatchMixture:
    mixtures = fit(patches, components, 10, np.random.default_rng(1))
    return [next(mixtures) for _ in range(passes)][-1]


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_log_joint_is_share_times_density(noise: float) -> None:
    patches = striped_patches()
    mixture = mixture_of(patches)
    expected = [
        np.log(mixture.shares[k])
        + multivariate_normal(cov=covariance(mixture, k) + noise * np.eye(64)).logpdf(patches)
        for k in range(2)
    ]
    np.testing.assert_allclose(mixture.log_joint(patches, noise).T, expected, rtol=1e-3, atol=0.02)


def test_expectation_maximisation_never_gets_less_likely() -> None:
    """By SciPy's densities of the whole covariances, in double precision."""
    patches = striped_patches()
    mixture = mixture_of(patches, passes=1, components=4)
    likelihoods = []
    for _ in range(8):
        joint = [
            np.log(mixture.shares[k]) + multivariate_normal(cov=covariance(mixture, k)).logpdf(patches)
            for k in range(4)
        ]
        likelihoods.append(logsumexp(joint, axis=0).mean())
        mixture = improved(mixture, patches)
    assert likelihoods[-1] > likelihoods[0] + 0.1
    assert (np.diff(likelihoods) > -0.01).all()


def test_two_kinds_of_patches_are_told_apart() -> None:
    chosen = mixture_of(striped_patches(), passes=10).log_joint(striped_patches()).argmax(1)
    assert len(set(chosen[:200])) == len(set(chosen[200:])) == 1
    assert chosen[0] != chosen[-1]


def test_denoising_is_the_wiener_filter_of_the_likeliest_component() -> None:
    patches = striped_patches()
    mixture = mixture_of(patches)
    for row, found in zip(patches[::30], mixture.denoised(patches[::30], 0.03), strict=True):
        noisy = [covariance(mixture, k) + 0.03 * np.eye(64) for k in range(2)]
        scores = [
            np.log(s) + multivariate_normal(cov=c).logpdf(row)
            for s, c in zip(mixture.shares, noisy, strict=True)
        ]
        best = int(np.argmax(scores))
        expected = covariance(mixture, best) @ np.linalg.solve(noisy[best], row)
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_saved_mixture_says_nearly_the_same(tmp_path) -> None:
    patches = striped_patches()
    mixture = mixture_of(patches)
    file = tmp_path / "prior.safetensors"
    file.write_bytes(save(mixture))
    np.testing.assert_allclose(load(file).denoised(patches, 0.03), mixture.denoised(patches, 0.03), atol=0.01)


def plane(height: int = 20, width: int = 24, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width), np.float32)


def test_slopes_and_their_adjoint_agree() -> None:
    """⟨∇a, b⟩ = ⟨a, ∇ᵀb⟩ for every b that is 0 where no slope can be."""
    a, down, right = plane(), plane(seed=1), plane(seed=2)
    down[-1], right[:, -1] = 0, 0
    across = sum(np.vdot(s, b) for s, b in zip(gmm.slopes(a), (down, right), strict=True))
    assert across == pytest.approx(np.vdot(a, gmm.slopes_adjoint(down, right)), rel=1e-4)


def test_the_objective_has_the_gradient_it_says() -> None:
    shape = 9, 11
    objective = Objective(
        plane(*shape),
        list(gmm.slopes(plane(*shape, seed=1))),
        Layers(plane(*shape, seed=2), plane(*shape, seed=3)),
        0.7,
    )
    rng = np.random.default_rng(4)
    at, direction = rng.random((2, 2 * 99))
    _, gradient = objective(at)
    ahead, behind = objective(at + 1e-4 * direction)[0], objective(at - 1e-4 * direction)[0]
    assert (ahead - behind) / 2e-4 == pytest.approx(gradient @ direction, rel=1e-6)


def test_bands_of_patches_leave_no_seam(monkeypatch) -> None:
    picture = plane(40, 30)
    prior = mixture_of(striped_patches())
    whole = gmm.denoised(picture, prior, 0.01, means=True)
    monkeypatch.setattr(gmm, "BAND", 5)
    np.testing.assert_allclose(gmm.denoised(picture, prior, 0.01, means=True), whole, atol=1e-5)


def test_the_flattest_window_is_found(monkeypatch) -> None:
    monkeypatch.setattr(gmm, "RAIN_WINDOW", 10)
    picture = plane(30, 40)
    picture[12:22, 25:35] = 0.5 + picture[12:22, 25:35] / 100
    np.testing.assert_array_equal(gmm.flattest_window(picture), picture[12:22, 25:35])


def luminance_of(picture: np.ndarray) -> np.ndarray:
    return (picture / 255).astype(np.float32) @ gmm.LUMA


@pytest.fixture(scope="module")
def separated() -> tuple[np.ndarray, list[Layers]]:
    """A rainy luminance, and its layers after each of three steps."""
    rainy = luminance_of(rain_on(scene(1), 1))
    return rainy, list(gmm.separate(rainy, load(weights_folder() / gmm.PRIOR_FILE), steps=3))


def test_layers_stay_between_nothing_and_the_picture(separated) -> None:
    rainy, steps = separated
    for layers in steps:
        for layer in (layers.background, layers.rain):
            assert layer.min() >= 0
            assert (layer <= rainy + 1e-6).all()


def test_layers_add_up_to_the_picture(separated) -> None:
    """Within three hundredths on average: they are bound to it by a penalty, not by force."""
    rainy, steps = separated
    assert np.abs(steps[-1].background + steps[-1].rain - rainy).mean() < 0.03
    assert steps[-1].rain.max() > 0.03


def test_it_starts_from_no_rain(separated) -> None:
    rainy, steps = separated
    np.testing.assert_array_equal(steps[0].background, rainy)
    assert not steps[0].rain.any()


def test_streaks_are_thinned() -> None:
    """On a picture of smooth blobs under bright lines."""
    clean = scene(1)
    rainy = rain_on(clean, 1)
    restored = list(gmm.restore((rainy / 255).astype(np.float32), PRIOR))[-1]
    before = peak_signal_noise_ratio(clean / 255, rainy / 255, data_range=1)
    assert peak_signal_noise_ratio(clean / 255, restored, data_range=1) > before + 0.5


def test_a_picture_without_anything_stays_so() -> None:
    grey = np.full((16, 24, 3), 0.4, np.float32)
    for estimate in gmm.restore(grey, PRIOR):
        np.testing.assert_allclose(estimate, grey, atol=0.01)


def test_the_prior_that_ships_is_the_one_that_is_described() -> None:
    file = weights_folder() / gmm.PRIOR_FILE
    assert f"`{sha256(file)}`" in (weights_folder() / "README.md").read_text(encoding="utf-8")
    mixture = load(file)
    assert mixture.directions.shape[1:] == (16, 64)
    assert mixture.shares.sum() == pytest.approx(1, abs=1e-3)


def test_the_example_learns_a_prior_from_photos(tmp_path) -> None:
    photos = write_set(tmp_path / "set", count=2) / "target"
    file = tmp_path / "prior.safetensors"
    sizes = ("--components", "3", "--rank", "4", "--patches", "300", "--passes", "2")
    subprocess.run([sys.executable, EXAMPLE, photos, "-o", file, *sizes], check=True, capture_output=True)
    mixture = load(file)
    assert mixture.directions.shape == (3, 4, 64)
    assert mixture.shares.sum() == pytest.approx(1, abs=0.01)
