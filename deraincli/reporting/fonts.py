"""A font that has the letters of a text: Pillow's own holds little more than ASCII."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

SYSTEM_FONTS = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")
"""Pillow finds them by name where the system keeps its fonts: Linux, macOS, Windows."""

CJK_FONTS = ("NotoSansCJK-Regular.ttc", "PingFang.ttc", "msgothic.ttc")

UNASSIGNED = "\uffff"
"""No font has it, so it is drawn as whatever stands for a missing letter."""


def font_for(text: str, size: int) -> Font:
    """The first font at hand, Pillow's own before others, that lacks the fewest letters of `text`."""
    letters = set(text) - {"\n"}
    best, fewest = None, len(letters) + 1
    for font in _fonts(size):
        missing = sum(not _has(font, letter) for letter in letters)
        if missing < fewest:
            best, fewest = font, missing
        if not missing:
            break
    assert best is not None  # Pillow's own is always there
    return best


def _fonts(size: int) -> Iterator[Font]:
    yield ImageFont.load_default(size)
    for name in (*_matplotlib_fonts(), *SYSTEM_FONTS, *CJK_FONTS):
        try:
            yield ImageFont.truetype(name, size)
        except OSError:  # not on this machine
            continue


def _matplotlib_fonts() -> list[str]:
    """Where it is installed, found without loading it."""
    spec = find_spec("matplotlib")
    folders = spec.submodule_search_locations if spec else None
    return [str(Path(folder, "mpl-data/fonts/ttf/DejaVuSans.ttf")) for folder in folders or ()]


def _has(font: Font, letter: str) -> bool:
    """Whether the letter is drawn otherwise than a missing one."""
    return bytes(font.getmask(letter)) != bytes(font.getmask(UNASSIGNED))
