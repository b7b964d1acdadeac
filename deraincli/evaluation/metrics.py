"""PSNR and SSIM under the named protocols of the deraining field, and how two regions overlap.

Two papers that both print "PSNR on Y" may differ by more than a decibel. A number here therefore always
belongs to a protocol, which fixes the luminance, the rounding and the SSIM window. Each protocol reproduces
the script named in its `source`. Scripts that share a formula agree. GNU Octave 7.3 (rgb2ycbcr, fspecial,
filter2, imfilter) gave the same numbers to 5e-7 dB and 5e-9 SSIM. tests/evaluation/octave_metrics.m repeats
the check.

Most protocols convert a grey picture to three equal channels, because their scripts read colour. `mprnet`
compares grey values directly, as its script does. 16-bit values are divided by 257 to the 0–255 scale.
Protocols on floating-point luminance keep the fraction. Protocols on uint8 round first, as an 8-bit file
would be.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deraincli.errors import InputError, UsageError
from deraincli.imaging.colour import as_rgb
from deraincli.pixels import Doubles, Pixels

LARGEST_PSNR = 100.0
"""Largest PSNR in means, dB. Equal and nearly equal pictures count as this."""


class Score(NamedTuple):
    """Scores of a picture, or means of scores."""

    psnr: float
    """PSNR in dB, infinite for equal pictures."""
    ssim: float
    """SSIM, at most 1."""


@dataclass(frozen=True)
class Protocol:
    """One way to compute PSNR and SSIM."""

    name: str
    """Name that `--protocol` takes."""
    summary: str
    """The definition in one line, for tables."""
    source: str
    """The script that it reproduces."""
    prepare: Callable[[Pixels], Doubles]
    """Converts a picture to the planes that both metrics compare."""
    ssim: Callable[[Doubles, Doubles], float]
    """Computes the mean SSIM of two sets of planes."""
    smallest_side: int = 11
    """Side of the SSIM window in pixels. Pictures with a shorter side have no SSIM."""

    def check_size(self, pixels: Pixels) -> None:
        """Checks that a picture is not smaller than the SSIM window.

        Args:
            pixels: The picture, H×W×C.

        Raises:
            InputError: The picture is smaller.
        """
        if min(pixels.shape[:2]) < self.smallest_side:
            raise InputError(
                f"{_size(pixels)} is smaller than the SSIM window of protocol {self.name}: "
                f"use pictures of at least {self.smallest_side}×{self.smallest_side}."
            )


def psnr(image: npt.NDArray[Any], reference: npt.NDArray[Any], *, data_range: float) -> float:
    """Computes the peak signal-to-noise ratio, 10·log10(data_range² / MSE).

    Args:
        image: Any array.
        reference: An array of the same shape.
        data_range: Difference between the largest and the smallest possible value.

    Returns:
        The ratio in dB, infinite for equal arrays. The MSE is the mean over all elements in float64.

    Raises:
        ValueError: The shapes differ.
    """
    if image.shape != reference.shape:
        raise ValueError(f"psnr compares arrays of one shape, not {image.shape} and {reference.shape}")
    error = float(np.mean((image.astype(np.float64) - reference.astype(np.float64)) ** 2))
    return math.inf if error == 0.0 else 10.0 * math.log10(data_range**2 / error)


def capped_psnr(value: float) -> float:
    """Limits a PSNR to LARGEST_PSNR.

    Args:
        value: A PSNR in dB, which may be infinite.

    Returns:
        The limited PSNR in dB.
    """
    return min(value, LARGEST_PSNR)


def mean_psnr(values: Iterable[float]) -> float:
    """Computes a mean PSNR. Every mean PSNR in this package comes from here.

    Args:
        values: At least one PSNR in dB. Each is limited to LARGEST_PSNR.

    Returns:
        The mean in dB.
    """
    return statistics.fmean(map(capped_psnr, values))


def mean_score(scores: Iterable[Score]) -> Score:
    """Computes mean scores.

    Args:
        scores: Scores of at least one image.

    Returns:
        The mean PSNR by `mean_psnr` and the mean SSIM.
    """
    psnrs, ssims = zip(*scores, strict=True)
    return Score(mean_psnr(psnrs), statistics.fmean(ssims))


def score(restored: Pixels, clean: Pixels, protocol: Protocol) -> Score:
    """Computes PSNR and SSIM of a restored picture. If only one picture is grey, it is converted to RGB.

    Args:
        restored: The restored picture, H×W×C, uint8 or uint16.
        clean: Its ground truth, H×W×C, uint8 or uint16.
        protocol: The protocol.

    Returns:
        The scores.

    Raises:
        InputError: The sizes differ, or the picture is smaller than the SSIM window.
    """
    if restored.shape[:2] != clean.shape[:2]:
        raise InputError(
            f"The restored picture is {_size(restored)} but its ground truth {_size(clean)}: "
            "make them the same size."
        )
    protocol.check_size(clean)
    if restored.shape[2] != clean.shape[2]:
        restored, clean = as_rgb(restored), as_rgb(clean)
    compared, reference = protocol.prepare(restored), protocol.prepare(clean)
    return Score(psnr(compared, reference, data_range=255), protocol.ssim(compared, reference))


def intersection_over_union(found: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float | None:
    """Computes how well the pixels that were found cover those that are there.

    Args:
        found: Whether each pixel was found.
        truth: Whether each pixel is there, of the same shape.

    Returns:
        0–1, or None if there is nothing and nothing was found.
    """
    either = int((found | truth).sum())
    return int((found & truth).sum()) / either if either else None


def protocols_named(name: str) -> list[Protocol]:
    """Finds protocols by name.

    Args:
        name: Name of a protocol, or `all`.

    Returns:
        The protocol, or all protocols in the order of tables.

    Raises:
        UsageError: There is no such protocol.
    """
    if name == "all":
        return list(PROTOCOLS.values())
    if name not in PROTOCOLS:
        raise UsageError(f"There is no protocol '{name}': choose one of {', '.join(PROTOCOLS)} or all.")
    return [PROTOCOLS[name]]


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]}×{pixels.shape[0]}"


def _scaled(pixels: Pixels) -> Doubles:
    """Converts uint8 or uint16 to float64 on the 0–255 scale. Fractions are kept."""
    scale = {np.dtype(np.uint8): 1.0, np.dtype(np.uint16): 257.0}[pixels.dtype]
    return pixels / scale


def _rounded(values: Doubles) -> Doubles:
    """Rounds to the nearest integer, halves up, as MATLAB and OpenCV round positive numbers."""
    return np.floor(values + 0.5)


def _bt601(rgb: Doubles) -> Doubles:
    """Converts RGB in 0–255 to BT.601 luminance in 16–235, H×W×1, as MATLAB's rgb2ycbcr does.

    Integer coefficients keep the sum exact for integer values. A luminance of k + ½ then rounds up on every
    machine.
    """
    return 16.0 + (rgb @ np.array([65_481.0, 128_553.0, 24_966.0]) / 255_000.0)[..., np.newaxis]


def _float_luminance(pixels: Pixels) -> Doubles:
    return _bt601(_scaled(as_rgb(pixels)))


def _uint8_luminance(pixels: Pixels) -> Doubles:
    values = _rounded(_scaled(pixels))
    return values if pixels.shape[2] == 1 else _rounded(_bt601(values))


def _opencv_luminance(pixels: Pixels) -> Doubles:
    """Returns OpenCV's full-range Y as uint8 values, cropped at the right and bottom to multiples of 4."""
    import cv2

    rgb = _rounded(_scaled(as_rgb(pixels))).astype(np.uint8)
    height, width = (side - side % 4 for side in rgb.shape[:2])
    luminance = cv2.cvtColor(np.ascontiguousarray(rgb[:height, :width]), cv2.COLOR_RGB2YCrCb)[..., :1]
    return luminance.astype(np.float64)


def _colour(pixels: Pixels) -> Doubles:
    return _scaled(as_rgb(pixels))


def _gaussian_ssim(image: Doubles, reference: Doubles) -> float:
    """Computes SSIM by Wang et al. 2004: 11×11 Gaussian of σ 1.5, population covariance, whole windows."""
    import cv2

    return _mean_ssim(image, reference, lambda planes: cv2.GaussianBlur(planes, (11, 11), 1.5), 11)


def _uniform_ssim(image: Doubles, reference: Doubles) -> float:
    """Computes SSIM by scikit-image's defaults: 7×7 uniform window, sample covariance, whole windows."""
    import cv2

    return _mean_ssim(image, reference, lambda planes: cv2.blur(planes, (7, 7)), 7, correction=49 / 48)


def _downsampled_gaussian_ssim(image: Doubles, reference: Doubles) -> float:
    """Computes Gaussian SSIM after Wang's automatic down-sampling to about 256 px on the shorter side.

    The widely used ssim.m averages f×f boxes, f = max(1, round(min(H, W) / 256)), and keeps every f-th pixel.
    The deraining scripts do not include their ssim.m, so it is an assumption that they call this version.
    """
    factor = max(1, math.floor(min(image.shape[:2]) / 256 + 0.5))
    return _gaussian_ssim(_box_downsample(image, factor), _box_downsample(reference, factor))


def _box_downsample(planes: Doubles, factor: int) -> Doubles:
    """Computes MATLAB's imfilter(planes, ones(f) / f², 'symmetric') followed by (1:f:end, 1:f:end)."""
    import cv2

    if factor == 1:
        return planes
    centre = (factor - 1) // 2  # MATLAB's choice for an even box, where OpenCV takes factor // 2
    averaged = cv2.blur(planes, (factor, factor), anchor=(centre, centre), borderType=cv2.BORDER_REFLECT)
    return np.asarray(averaged, dtype=np.float64).reshape(planes.shape)[::factor, ::factor]


def _mean_ssim(
    image: Doubles,
    reference: Doubles,
    smooth: Callable[[Doubles], npt.NDArray[Any]],
    side: int,
    correction: float = 1.0,
) -> float:
    """Computes the mean SSIM over all whole windows, with K1 = 0.01 and K2 = 0.03.

    Args:
        image: H×W×C in 0–255.
        reference: The same shape.
        smooth: Computes the weighted mean of the window around every pixel.
        side: Side of the window, odd.
        correction: Factor of variances and covariances, for the estimates from a sample.
    """

    def means(planes: Doubles) -> Doubles:
        inside = slice(side // 2, -(side // 2))
        return smooth(planes).reshape(planes.shape)[inside, inside]

    x, y = means(image), means(reference)
    variances = correction * (means(image**2) - x**2) + correction * (means(reference**2) - y**2)
    covariance = correction * (means(image * reference) - x * y)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (2 * x * y + c1) * (2 * covariance + c2) / ((x**2 + y**2 + c1) * (variances + c2))
    return float(similarity.mean())


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="prenet",
            summary="BT.601 Y (16–235), not rounded; Gaussian SSIM after down-sampling to about 256 px",
            source="PReNet (Ren et al., CVPR 2019) statistic_rain100L.m; also BRN, RCDNet",
            prepare=_float_luminance,
            ssim=_downsampled_gaussian_ssim,
        ),
        Protocol(
            name="mprnet",
            summary="BT.601 Y (16–235), rounded to uint8; Gaussian SSIM",
            source="MPRNet (Zamir et al., CVPR 2021) evaluate_PSNR_SSIM.m; also Restormer",
            prepare=_uint8_luminance,
            ssim=_gaussian_ssim,
        ),
        Protocol(
            name="basicsr-y",
            summary="BT.601 Y (16–235), not rounded; Gaussian SSIM",
            source="BasicSR basicsr/metrics/psnr_ssim.py with test_y_channel",
            prepare=_float_luminance,
            ssim=_gaussian_ssim,
        ),
        Protocol(
            name="agan",
            summary="OpenCV full-range Y (0–255), uint8, sides cropped to multiples of 4; 7×7 uniform SSIM",
            source="AGAN raindrop removal (Qian et al., CVPR 2018) metrics.py and predict.py; also IDT",
            prepare=_opencv_luminance,
            ssim=_uniform_ssim,
            smallest_side=8,
        ),
        Protocol(
            name="rgb",
            summary="RGB; Gaussian SSIM, mean of the three channels",
            source="derain-toolbox",
            prepare=_colour,
            ssim=_gaussian_ssim,
        ),
    )
}
"""All protocols by name, in the order of tables."""
