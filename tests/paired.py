"""Small paired sets on disk for tests of everything that reads them."""

from pathlib import Path

import cv2
import numpy as np

from deraincli.rain.drop_styles import DropStyle
from deraincli.rain.drops import add_drops


def write_picture(path: Path, pixels: np.ndarray) -> Path:
    """Write H×W×C (RGB or grey, uint8 or uint16) losslessly, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels[..., ::-1])[1].tobytes())
    return path


def scene(seed: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A smooth random photo, H×W×3 uint8."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2)


def rain_on(clean: np.ndarray, seed: int) -> np.ndarray:
    """The scene under bright vertical lines, clipped."""
    rain = np.zeros(clean.shape[:2], np.uint8)
    rain[:, np.random.default_rng(seed).choice(clean.shape[1], 6, replace=False)] = 90
    return cv2.add(clean, np.repeat(rain[..., None], 3, axis=2))


def write_set(folder: Path, count: int = 4, **size: int) -> Path:
    """`input/N.png` and `target/N.png` for N from 1."""
    for n in range(1, count + 1):
        clean = scene(n, **size)
        write_picture(folder / "target" / f"{n}.png", clean)
        write_picture(folder / "input" / f"{n}.png", rain_on(clean, n))
    return folder


DROPS = DropStyle(
    defocus=9,
    radius=9,
    spread=0.3,
    density=0.7,
    elongation=0.2,
    runs=0.0,
    sky=(0.8, 0.8, 0.8),
    ground=0.7,
    rim=0.4,
    highlights=0.1,
    film=0.0,
    veil=0.0,
)
"""Soft drops that cover much of a lens."""


def faint_drops(clean: np.ndarray, strength: float) -> np.ndarray:
    """A photo, uint8, under soft drops of which only a share is seen, 0–1."""
    wet, _ = add_drops(clean, np.random.default_rng(5), DROPS)
    return cv2.addWeighted(wet, strength, clean, 1 - strength, 0)
