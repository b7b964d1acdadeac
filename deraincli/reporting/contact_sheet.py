"""Draws pictures with labels below them on one white sheet."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product

import numpy as np
import PIL.Image
from PIL import ImageDraw

from deraincli.imaging.display import shrink_to
from deraincli.pixels import Picture
from deraincli.reporting.fonts import Font, font_for

PANEL_SIDE = 2048
"""Longest side of a panel in pixels. Larger pictures are reduced to it."""

CELL_WIDTH = 240
"""Smallest width of a cell in pixels, so that labels below small pictures can be read."""

ASPECT = 1.6
"""Preferred ratio of the sheet's width to its height, like that of a screen or a slide."""

INK = (28, 33, 38)
"""Colour of text, RGB."""


def contact_sheet(pictures: Mapping[str, Picture], *, columns: int | None = None) -> Picture:
    """Draws pictures of one size above their labels, in reading order.

    Args:
        pictures: At least one picture, by its label. Labels may have several lines.
        columns: Number of pictures in a row. None chooses the number that comes nearest to ASPECT.

    Returns:
        The sheet, H×W×3.
    """
    panels = [shrink_to(picture, PANEL_SIDE) for picture in pictures.values()]
    height, width = panels[0].shape[0], max(panels[0].shape[1], CELL_WIDTH)
    font = font_for("".join(pictures) + "…", max(12, width // 28))
    line_height = math.ceil(1.25 * font.getbbox("Ag")[3])
    caption = math.ceil(line_height * (max(label.count("\n") for label in pictures) + 1.5))
    gap = max(6, width // 60)
    columns = columns or _columns(len(panels), (width + gap) / (height + caption + gap))
    rows = math.ceil(len(panels) / columns)

    size = gap + columns * (width + gap), gap + rows * (caption + height + gap)
    sheet = PIL.Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for (row, column), label, panel in zip(
        product(range(rows), range(columns)), pictures, panels, strict=False
    ):
        left, top = gap + column * (width + gap), gap + row * (height + caption + gap)
        sheet.paste(PIL.Image.fromarray(panel), (left, top))
        below = left, top + height + line_height // 4
        draw.multiline_text(below, _fitting(label, font, width), INK, font, spacing=line_height // 5)
    return np.asarray(sheet)


def _columns(count: int, panel_aspect: float) -> int:
    """Returns the number of columns that comes nearest to ASPECT with few empty cells."""

    def distance(columns: int) -> float:
        rows = math.ceil(count / columns)
        empty = rows * columns - count
        return abs(math.log(panel_aspect * columns / rows / ASPECT)) + empty

    return min(range(1, count + 1), key=distance)


def _fitting(label: str, font: Font, width: int) -> str:
    """Shortens the lines of a label to `width` pixels."""
    return "\n".join(_cut(line, font, width) for line in label.split("\n"))


def _cut(line: str, font: Font, width: int) -> str:
    if font.getlength(line) <= width:
        return line
    cuts = (f"{line[:end]}…" for end in range(len(line) - 1, -1, -1))
    return next((cut for cut in cuts if font.getlength(cut) <= width), "")
