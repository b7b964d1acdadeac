"""Slow, obvious versions of what the package computes fast, written from the formulas alone."""

from __future__ import annotations

import math

import numpy as np


def bt601_luminance(red: float, green: float, blue: float) -> float:
    """ITU-R BT.601 studio-range luminance of one pixel, values on 0–255, result on 16–235."""
    return 16 + 219 * (0.299 * red + 0.587 * green + 0.114 * blue) / 255


def full_range_luminance(red: int, green: int, blue: int) -> int:
    """JPEG-style full-range luminance of one pixel in the 14-bit fixed point that OpenCV documents."""
    weights = (round(0.299 * 2**14), round(0.587 * 2**14), round(0.114 * 2**14))
    return (weights[0] * red + weights[1] * green + weights[2] * blue + 2**13) >> 14


def per_pixel(function, picture):
    """H×W×3 → H×W, the function called with three Python numbers for every pixel."""
    return np.array([[function(*pixel) for pixel in row] for row in picture.tolist()], dtype=float)


def psnr(image, reference, peak: float = 255) -> float:
    squares = [(a - b) ** 2 for a, b in zip(image.ravel().tolist(), reference.ravel().tolist(), strict=True)]
    mean = sum(squares) / len(squares)
    return math.inf if mean == 0 else 10 * math.log10(peak**2 / mean)


def gaussian_window(side: int = 11, sigma: float = 1.5):
    centre = side // 2
    line = [math.exp(-((i - centre) ** 2) / (2 * sigma**2)) for i in range(side)]
    weights = np.array([[vertical * horizontal for horizontal in line] for vertical in line])
    return weights / weights.sum()


def uniform_window(side: int = 7):
    return np.full((side, side), 1 / side**2)


def ssim(image, reference, window, *, sample_covariance: bool = False) -> float:
    """Mean SSIM of two H×W planes on 0–255 over every whole window (Wang et al. 2004)."""
    bessel = window.size / (window.size - 1) if sample_covariance else 1.0
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

    def average(values):
        return np.sum(window * values, axis=(2, 3), keepdims=True)

    x = np.lib.stride_tricks.sliding_window_view(image, window.shape)
    y = np.lib.stride_tricks.sliding_window_view(reference, window.shape)
    mean_x, mean_y = average(x), average(y)
    variance_x, variance_y = bessel * average((x - mean_x) ** 2), bessel * average((y - mean_y) ** 2)
    covariance = bessel * average((x - mean_x) * (y - mean_y))
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return float(np.mean(luminance * (2 * covariance + c2) / (variance_x + variance_y + c2)))


def box_downsample(plane, factor: int):
    """Every factor-th pixel of the plane averaged over factor×factor boxes, edges mirrored.

    An even box has no middle: as in MATLAB's imfilter its origin is the upper left of the four middle pixels.
    """
    before = (factor - 1) // 2
    mirrored = np.pad(plane, factor, mode="symmetric")

    def box(row, column):
        top, left = factor + row - before, factor + column - before
        return mirrored[top : top + factor, left : left + factor]

    rows, columns = (range(0, size, factor) for size in plane.shape)
    return np.array([[np.mean(box(row, column)) for column in columns] for row in rows])
