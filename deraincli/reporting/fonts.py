"""Finds a font that has the letters of a text, because Pillow's own font has little more than ASCII."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

SYSTEM_FONTS = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")
"""Fonts of Linux, macOS and Windows. Pillow finds them by name in the system's folders."""

CJK_FONTS = ("NotoSansCJK-Regular.ttc", "PingFang.ttc", "msgothic.ttc")
"""Fonts with Chinese, Japanese and Korean characters."""

UNASSIGNED = "\uffff"
"""A character that no font has, so it is drawn as the font's sign for a missing letter."""


def font_for(text: str, size: int) -> Font:
    """Returns the first available font that lacks the fewest letters of a text. Pillow's own comes first.

    Args:
        text: The text to draw.
        size: Size in pixels.
    """
    letters = set(text) - {"\n"}
    best, fewest = None, len(letters) + 1
    for font in _fonts(size):
        missing = sum(not _has(font, letter) for letter in letters)
        if missing < fewest:
            best, fewest = font, missing
        if not missing:
            break
    assert best is not None  # Pillow's own font is always available
    return best


def _fonts(size: int) -> Iterator[Font]:
    yield ImageFont.load_default(size)
    for name in (*_matplotlib_fonts(), *SYSTEM_FONTS, *CJK_FONTS):
        try:
            yield ImageFont.truetype(name, size)
        except OSError:  # not on this machine
            continue


def _matplotlib_fonts() -> list[str]:
    """Returns the path of Matplotlib's font, found without importing Matplotlib."""
    spec = find_spec("matplotlib")
    folders = spec.submodule_search_locations if spec else None
    return [str(Path(folder, "mpl-data/fonts/ttf/DejaVuSans.ttf")) for folder in folders or ()]


def _has(font: Font, letter: str) -> bool:
    """Returns whether a letter is drawn differently from a missing letter."""
    return bytes(font.getmask(letter)) != bytes(font.getmask(UNASSIGNED))
