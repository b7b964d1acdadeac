"""Random looks of drops on the lens, for `deraincli.rain.drops` to draw.

Ranges follow the pairs of the AGAN raindrop data (Qian et al., "Attentive Generative Adversarial Network for
Raindrop Removal", CVPR 2018). `examples/rain/measure_drops.py` compares drawn drops with them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deraincli.rain.random_numbers import log_uniform, sometimes

CRISP_SHARE = 0.4
"""Share of the styles whose drops are small and nearly in focus, 0–1."""


@dataclass(frozen=True)
class DropStyle:
    """Look of the drops on one pane.

    Lengths are in pixels of a picture of about 720×480. Light is a linear share of white.
    """

    defocus: float
    """Radius of the blur circle."""
    radius: float
    """Median radius of a drop."""
    spread: float
    """Standard deviation of the logarithm of the radii."""
    density: float
    """Share of the glass that drops would cover if none overlapped, where they are densest."""
    elongation: float
    """How much taller than wide drops are. 0 is round."""
    runs: float
    """Share of drops that have run down the glass and left a trail of beads."""
    sky: tuple[float, float, float]
    """Light of a sky outside the picture, which drops show at their lower edge."""
    ground: float
    """Light of the ground relative to the scene's lower edge. Drops show it at their upper edge."""
    rim: float
    """How dark a drop's edge is, 0–1."""
    highlights: float
    """Share of the drops that reflect a bright light."""
    film: float
    """Largest share of the sharp scene that a film of water blurs, 0–1."""
    veil: float
    """Largest share of sky light that scatters over the picture, 0–1."""
    scene_sky: float = 0.0
    """How much the sky takes the light of the brightest part of the scene instead, 0–1."""
    film_defocus: float = 2.5
    """Sigma of the film's Gaussian blur."""
    wiped: float = 0.0
    """Width of the strokes in which the film was wiped. 0 is an even film."""
    exposure: float = 1.0
    """Light of the whole picture relative to the dry picture's. The day or the camera changed in between."""
    glare: float = 60.0
    """Mean light that a large drop reflects of a bright light, as if from one pixel of the drop layer."""
    blades: int = 0
    """Number of blades of the lens's aperture, which shapes every blur circle. 0 is round."""


def drop_style(rng: np.random.Generator) -> DropStyle:
    """Draws a style: large drops far out of focus, as in the AGAN data, or small crisp ones.

    Args:
        rng: Source of randomness.

    Returns:
        The style, for a picture of about 720×480.
    """
    return crisp_style(rng) if rng.random() < CRISP_SHARE else soft_style(rng)


def soft_style(rng: np.random.Generator) -> DropStyle:
    """Draws a style whose drops are far out of focus, as on a pane close to the lens.

    Args:
        rng: Source of randomness.

    Returns:
        The style, for a picture of about 720×480.
    """
    defocus = log_uniform(rng, 7, 30)
    return DropStyle(
        defocus=defocus,
        radius=defocus**0.6 * log_uniform(rng, 0.9, 3.5),
        spread=float(rng.uniform(0.2, 0.55)),
        density=log_uniform(rng, 0.12, 1.4),
        elongation=float(rng.uniform(0, 0.35)),
        runs=sometimes(rng, 0.3, 0.25),
        sky=_sky(rng),
        scene_sky=float(rng.uniform(0, 1)),
        ground=log_uniform(rng, 0.3, 2.5),
        rim=float(rng.uniform(0.1, 0.8)),
        highlights=sometimes(rng, 0.25, 0.4),
        film=sometimes(rng, 0.6, 0.8),
        veil=sometimes(rng, 0.6, 0.08),
        wiped=_strokes(rng),
        exposure=_exposure(rng),
        blades=int(rng.integers(5, 10)) if rng.random() < 0.7 else 0,
    )


def crisp_style(rng: np.random.Generator) -> DropStyle:
    """Draws a style whose drops are small, many, and crisp or half in focus.

    The pane is farther from the lens. A few drops are large. Each drop shows the scene upside down.

    Args:
        rng: Source of randomness.

    Returns:
        The style, for a picture of about 720×480.
    """
    radius = log_uniform(rng, 2.2, 9)
    return DropStyle(
        defocus=log_uniform(rng, 0.7, 11),
        radius=radius,
        spread=float(rng.uniform(0.3, 0.75)),
        density=(radius / 9) ** 0.7 * log_uniform(rng, 0.1, 2.5),
        elongation=float(rng.uniform(0, 0.4)),
        runs=sometimes(rng, 0.3, 0.3),
        sky=_sky(rng),
        scene_sky=float(rng.uniform(0.3, 1)),
        ground=log_uniform(rng, 0.1, 1.2),
        rim=float(rng.uniform(0.3, 1)),
        highlights=sometimes(rng, 0.25, 0.3),
        film=sometimes(rng, 0.3, 0.6),
        veil=sometimes(rng, 0.3, 0.08),
        wiped=_strokes(rng),
        exposure=_exposure(rng),
        glare=8.0,
    )


def _strokes(rng: np.random.Generator) -> float:
    """Draws the width of a wiped film's strokes. Most films are even."""
    return log_uniform(rng, 3, 20) if rng.random() < 0.25 else 0.0


def _exposure(rng: np.random.Generator) -> float:
    """Draws a factor of light that shifts mid-grey by −8 to +4 levels, or not at all."""
    return float(np.exp(rng.uniform(-0.12, 0.06))) if rng.random() < 0.7 else 1.0


def _sky(rng: np.random.Generator) -> tuple[float, float, float]:
    """Draws the light of the sky, grey or tinted by lamps or a low sun."""
    white = float(rng.uniform(0.35, 1.2))
    warmth = float(rng.uniform(0, 0.5) if rng.random() < 0.3 else rng.normal(-0.06, 0.07))
    return white * (1 + warmth), white, white * (1 - warmth)


def magnified(style: DropStyle, factor: float) -> DropStyle:
    """Scales a style to a picture of another resolution.

    Args:
        style: The style to scale.
        factor: New resolution over the old one.

    Returns:
        The style with all lengths multiplied by `factor`.
    """
    return replace(
        style,
        defocus=style.defocus * factor,
        radius=style.radius * factor,
        film_defocus=style.film_defocus * factor,
        wiped=style.wiped * factor,
    )
