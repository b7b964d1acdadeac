"""Protocols against slow references, laws they must keep, and figures measured by others on known sets."""

import math
from statistics import fmean

import cv2
import numpy as np
import pytest
import references
from hypothesis import given, settings
from hypothesis import strategies as st

from deraincli.datasets.pairs import find_pairs
from deraincli.errors import InputError, UsageError
from deraincli.evaluation.metrics import PROTOCOLS, mean_psnr, protocols_named, psnr, score

every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)


def picture(seed: int, height: int = 21, width: int = 26, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def rainy_and_clean(seed: int = 0, **size: int) -> tuple[np.ndarray, np.ndarray]:
    clean = picture(seed, **size)
    rain = np.random.default_rng(seed + 1).integers(0, 50, (*clean.shape[:2], 1), dtype=np.uint8)
    return np.clip(clean.astype(int) + rain, 0, 255).astype(np.uint8), clean


def bt601(image):
    return references.per_pixel(references.bt601_luminance, image)


def bt601_rounded(image):
    return np.rint(bt601(image))


def full_range(image):
    return references.per_pixel(references.full_range_luminance, image)[
        : len(image) // 4 * 4, : image.shape[1] // 4 * 4
    ]


REFERENCE_PLANES = {"prenet": bt601, "mprnet": bt601_rounded, "basicsr-y": bt601, "agan": full_range}


@pytest.mark.parametrize("name", REFERENCE_PLANES)
def test_luminance_protocols_equal_the_formulas(name):
    rainy, clean = (REFERENCE_PLANES[name](image) for image in rainy_and_clean())
    uniform = name == "agan"
    window = references.uniform_window() if uniform else references.gaussian_window()

    result = score(*rainy_and_clean(), PROTOCOLS[name])

    assert result.psnr == pytest.approx(references.psnr(rainy, clean), abs=1e-6)
    assert result.ssim == pytest.approx(
        references.ssim(rainy, clean, window, sample_covariance=uniform), abs=1e-6
    )


def test_rgb_equals_the_formulas():
    rainy, clean = rainy_and_clean()
    window = references.gaussian_window()
    channels = [
        references.ssim(rainy[..., c].astype(float), clean[..., c].astype(float), window) for c in range(3)
    ]

    result = score(rainy, clean, PROTOCOLS["rgb"])

    assert result.psnr == pytest.approx(references.psnr(rainy, clean), abs=1e-6)
    assert result.ssim == pytest.approx(sum(channels) / 3, abs=1e-6)


@pytest.mark.parametrize(("height", "width", "factor"), [(384, 390, 2), (650, 641, 3)])
def test_prenet_down_samples_large_pictures(height, width, factor):
    """384 / 256 = 1.5 and 641 / 256 = 2.504: MATLAB rounds both up."""
    rng = np.random.default_rng(3)
    clean = cv2.GaussianBlur(rng.integers(0, 256, (height, width), dtype=np.uint8), (0, 0), 3)
    rainy = cv2.add(clean, rng.integers(0, 40, (height, width), dtype=np.uint8))
    # The luminance of R = G = B = v is 16 + 219/255·v: no need of the slow per-pixel reference on this many.
    planes = (references.box_downsample(16 + image * (219 / 255), factor) for image in (rainy, clean))

    result = score(rainy[..., None], clean[..., None], PROTOCOLS["prenet"])

    assert result.ssim == pytest.approx(references.ssim(*planes, references.gaussian_window()), abs=1e-6)


@every_protocol
@settings(max_examples=15, deadline=None)
@given(st.integers(11, 40), st.integers(11, 40), st.integers(0, 2**32 - 1))
def test_equal_pictures_are_perfect(protocol, height, width, seed):
    image = picture(seed, height, width)
    result = score(image, image.copy(), protocol)
    assert result.psnr == math.inf
    assert result.ssim == pytest.approx(1.0, abs=1e-12)


@every_protocol
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_scores_are_symmetric_and_ssim_is_at_most_one(protocol, seed):
    one, other = picture(seed), picture(seed + 1)
    result = score(one, other, protocol)
    assert result == pytest.approx(score(other, one, protocol), abs=1e-9)
    assert result.ssim <= 1


def test_full_range_luminance_costs_the_known_difference():
    """The same error on a 255-wide scale is 20·log10(255/219) = 1.32 dB larger than on BT.601's 219."""
    clean = picture(0, 64, 64) // 2
    rainy = clean + 30
    difference = (
        score(rainy, clean, PROTOCOLS["basicsr-y"]).psnr - score(rainy, clean, PROTOCOLS["agan"]).psnr
    )
    assert difference == pytest.approx(20 * math.log10(255 / 219), abs=0.01)


def test_psnr_of_a_constant_error_on_any_scale():
    zeros = np.zeros((4, 5))
    assert psnr(zeros + 0.1, zeros, data_range=1.0) == pytest.approx(20)
    assert psnr(zeros + 25.5, zeros, data_range=255) == pytest.approx(20)


def test_psnr_over_100_db_counts_as_equal_pictures_do_in_means():
    """One sample off by one in a 12-megapixel picture is 48.13 + 10·log10(36 000 000) = 123.7 dB."""
    clean = np.zeros((3000, 4000, 3), np.uint8)
    nearly = clean.copy()
    nearly[0, 0, 0] = 1
    finite, infinite = (psnr(other, clean, data_range=255) for other in (nearly, clean))
    assert finite == pytest.approx(123.69, abs=0.01)
    assert infinite == math.inf
    assert mean_psnr([finite]) == mean_psnr([infinite]) == 100
    assert mean_psnr([finite, infinite, 20.0]) == pytest.approx((100 + 100 + 20) / 3)


@settings(deadline=None)
@given(st.lists(st.floats(-20, 100), min_size=1, max_size=9))
def test_up_to_100_db_the_mean_is_the_plain_mean(values):
    assert mean_psnr(values) == pytest.approx(fmean(values))


@every_protocol
def test_exact_16_bit_copies_score_as_their_8_bit_originals(protocol):
    rainy, clean = rainy_and_clean()
    wide = score(rainy.astype(np.uint16) * 257, clean.astype(np.uint16) * 257, protocol)
    assert wide == pytest.approx(score(rainy, clean, protocol), abs=1e-9)


@pytest.mark.parametrize(("name", "keeps_fraction"), [("prenet", True), ("rgb", True), ("mprnet", False)])
def test_16_bit_fractions_count_where_the_protocol_does_not_round(name, keeps_fraction):
    clean = picture(0).astype(np.uint16) // 2 * 257
    result = score(clean + 100, clean, PROTOCOLS[name])  # 100/257 of an 8-bit step
    assert math.isfinite(result.psnr) == keeps_fraction


@pytest.mark.parametrize("name", ["prenet", "basicsr-y", "agan", "rgb"])
def test_grey_counts_as_equal_channels(name):
    rainy, clean = rainy_and_clean(channels=1)
    as_colour = score(np.repeat(rainy, 3, axis=2), np.repeat(clean, 3, axis=2), PROTOCOLS[name])
    assert score(rainy, clean, PROTOCOLS[name]) == pytest.approx(as_colour, abs=1e-12)
    assert score(rainy, np.repeat(clean, 3, axis=2), PROTOCOLS[name]) == pytest.approx(as_colour, abs=1e-12)


def test_mprnet_compares_grey_values_unchanged():
    rainy, clean = rainy_and_clean(channels=1)
    assert score(rainy, clean, PROTOCOLS["mprnet"]).psnr == pytest.approx(references.psnr(rainy, clean))


@every_protocol
def test_too_small_or_unequal_pictures_are_refused(protocol):
    side = protocol.smallest_side
    tiny = picture(0, side - 1, 40)
    with pytest.raises(InputError, match=f"smaller than the SSIM window.*{side}×{side}"):
        score(tiny, tiny, protocol)
    with pytest.raises(InputError, match=r"26×21.*26×20"):
        score(picture(0, 21, 26), picture(0, 20, 26), protocol)
    assert score(picture(0, side, side), picture(1, side, side), protocol).ssim < 1


def test_protocols_by_name():
    assert [protocol.name for protocol in protocols_named("agan")] == ["agan"]
    assert [protocol.name for protocol in protocols_named("all")] == list(PROTOCOLS)
    with pytest.raises(UsageError, match="prenet"):
        protocols_named("psnr")


PUBLISHED = [
    ("valid/rain100l_20", "rgb", 25.47),
    ("valid/rain100l_20", "prenet", 26.83),
    ("test/rain12", "rgb", 28.82),
    ("test/rain12", "prenet", 30.14),
    ("test/rain100h_10", "rgb", 12.20),
    ("test/rain100h_10", "prenet", 13.60),
    ("test/rain200h_5", "rgb", 12.54),
    ("test/rain200h_5", "prenet", 13.85),
    ("valid/raindrop_4", "agan", 21.91),
]


@pytest.mark.parametrize(("folder", "name", "expected"), PUBLISHED)
def test_rainy_inputs_of_known_sets(shared_data, folder, name, expected):
    """Figures that come with the sets, measured by other programs."""
    pairs = find_pairs(shared_data / folder).pairs
    read = [[cv2.imread(str(path))[..., ::-1] for path in (pair.rainy, pair.clean)] for pair in pairs]
    mean = np.mean([psnr_of(*pictures, PROTOCOLS[name]) for pictures in read])
    assert mean == pytest.approx(expected, abs=0.01)


def psnr_of(rainy, clean, protocol) -> float:
    return psnr(protocol.prepare(rainy), protocol.prepare(clean), data_range=255)
