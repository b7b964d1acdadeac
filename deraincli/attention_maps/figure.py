"""Draws one figure for a paper or a slide: input, RAM, CAM and output with captions, as PNG, PDF or SVG."""

from __future__ import annotations

import io
from importlib.util import find_spec
from typing import Literal

from deraincli.attention_maps.scores import Map
from deraincli.errors import InputError
from deraincli.imaging.display import shrink_to
from deraincli.pixels import Picture
from deraincli.runtime.installation import install_command

FigureFormat = Literal["png", "pdf", "svg"]

WIDTH = 7.16
"""Width of the figure in inches: both columns of a two-column page."""

TALLEST = 4.0
"""Largest ratio of a panel's height to its width. Taller pictures are drawn narrower."""

BAR_HEIGHT = 0.35
"""Smallest height in inches of the scale from 0 to 1, so that its three numbers do not overlap."""

PANEL_SIDE = 1200
"""Longest side of a panel in pixels, which suffices for 300 pixels per inch."""


def can_draw() -> bool:
    """Returns whether Matplotlib, an optional dependency, is installed."""
    return find_spec("matplotlib") is not None


def require_matplotlib() -> None:
    """Checks that Matplotlib is installed.

    Raises:
        InputError: Matplotlib is not installed.
    """
    if not can_draw():
        raise InputError(f"Figures need Matplotlib, which is not installed: {install_command('figures')}")


def figure(rainy: Picture, ram: Map, cam: Map, restored: Picture, format: FigureFormat) -> bytes:
    """Draws the figure.

    Args:
        rainy: The input, H×W×3.
        ram: RAM, H×W in 0–1.
        cam: CAM, H×W in 0–1.
        restored: The output, H×W×3.
        format: Format of the file.

    Returns:
        The file's content.

    Raises:
        InputError: Matplotlib is not installed.
    """
    require_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    aspect = rainy.shape[0] / rainy.shape[1]
    columns = 4 if aspect > 0.6 else 2
    panel = WIDTH / columns
    width = panel * min(1, TALLEST / aspect)
    height = max(width * aspect, BAR_HEIGHT)
    sheet = Figure((WIDTH, (4 // columns) * (height + 0.3) + 0.05), layout="constrained")
    axes = sheet.subplots(4 // columns, columns).ravel()
    contents: dict[str, Picture | Map] = {"input": rainy, "RAM": ram, "CAM": cam, "output": restored}
    for ax, letter, (name, pixels) in zip(axes, "abcd", contents.items(), strict=True):
        shown = ax.imshow(
            shrink_to(pixels, PANEL_SIDE), cmap="inferno", vmin=0, vmax=1, interpolation="antialiased"
        )
        ax.set_title(f"({letter}) {name}", y=0, pad=-4, va="top", fontsize=9)
        ax.set_axis_off()
        if name == "CAM":  # RAM has the same scale
            share = height / (width * aspect)
            place = (1 + 0.03 * panel / width, (1 - share) / 2, 0.04 * panel / width, share)
            bar = sheet.colorbar(shown, cax=ax.inset_axes(place), ticks=[0, 0.5, 1])
            bar.ax.tick_params(labelsize=6)
    file = io.BytesIO()
    # Text stays editable, and the same picture gives the same bytes.
    style = {"svg.fonttype": "none", "svg.hashsalt": "deraincli", "pdf.fonttype": 42}
    dates: dict[str, dict[str, None]] = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}
    with matplotlib.rc_context(style):
        sheet.savefig(
            file, format=format, dpi=300, bbox_inches="tight", pad_inches=0.02, metadata=dates[format]
        )
    return file.getvalue()
