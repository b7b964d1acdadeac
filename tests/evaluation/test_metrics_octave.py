"""The protocols against GNU Octave's rgb2ycbcr, fspecial and imfilter, where Octave is installed."""

import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from deraincli.evaluation.metrics import PROTOCOLS, score

SCRIPT = Path(__file__).parent / "octave_metrics.m"


@pytest.fixture
def octave():
    """A function (rainy file, clean file) → {protocol: (psnr, ssim)} computed by Octave."""
    binary = shutil.which("octave-cli")
    if (
        not binary
        or subprocess.run([binary, "--norc", "--eval", "pkg load image"], capture_output=True).returncode
    ):
        pytest.skip("Octave with its image package is not installed")

    def compute(rainy: Path, clean: Path):
        output = subprocess.run(
            [binary, "--norc", SCRIPT, rainy, clean], capture_output=True, text=True, check=True
        )
        lines = (line.split() for line in output.stdout.splitlines())
        return {name: (float(psnr), float(ssim)) for name, psnr, ssim in lines}

    return compute


@pytest.mark.parametrize("size", [(180, 150), (401, 388)], ids=["whole", "down-sampled by 2"])
def test_protocols_agree_with_octave(octave, tmp_path, size):
    generator = np.random.default_rng(1)
    clean = cv2.GaussianBlur(generator.integers(0, 256, (*size, 3), dtype=np.uint8), (0, 0), 2)
    rainy = cv2.add(clean, generator.integers(0, 60, (*size, 1), dtype=np.uint8).repeat(3, axis=2))
    for name, picture in (("rainy.png", rainy), ("clean.png", clean)):
        cv2.imwrite(str(tmp_path / name), picture[..., ::-1])

    theirs = octave(tmp_path / "rainy.png", tmp_path / "clean.png")

    assert set(theirs) == {"prenet", "mprnet", "basicsr-y", "rgb"}
    for name, values in theirs.items():
        # 194 of the 2²⁴ colours have a luminance of exactly k + ½, and Octave rounds a few of them down.
        tolerance = 1e-4 if name == "mprnet" else 1e-6
        assert score(rainy, clean, PROTOCOLS[name]) == pytest.approx(values, abs=tolerance), name
