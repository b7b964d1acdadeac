"""Writes one self-contained HTML page: tables, a histogram, and a before/after slider over pictures.

The page does not use the network, which its content security policy forbids. It stays below PAGE_BYTES. The
layout and the scripts are in html_page.html, which takes the report as one JSON object, and in the files of
the slider.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from deraincli.imaging.display import shrink_to
from deraincli.imaging.encode import encode
from deraincli.imaging.image import Image
from deraincli.pixels import Pixels

PAGE_BYTES = 40_000_000
"""Largest size of a page in bytes."""
FULL_SIZE_COUNT = 50
"""Largest number of pictures that are shown at full size. The others are thumbnails."""

_TEMPLATE = Path(__file__).with_name("html_page.html")
PAGE_CSS = Path(__file__).with_name("page.css")
"""Style sheet of every page."""
SLIDER_CSS = Path(__file__).with_name("comparison_slider.css")
"""Style sheet of the before/after slider."""
SLIDER_JS = Path(__file__).with_name("comparison_slider.js")
"""JavaScript module of the before/after slider."""
_EMBEDDED = re.compile(r'<script type="application/json" id="report">(.*?)</script>', re.DOTALL)


class _Rendition(NamedTuple):
    """A way to embed pictures."""

    format: str
    """Format of the embedded file."""
    longest_side: int
    """Pixels. Larger pictures are reduced to it."""
    quality: int | None
    """Quality of the format, 1–100. None for lossless formats."""
    page_share: float
    """Share of PAGE_BYTES, 0–1, up to which this way is used."""


_EXACT = _Rendition("PNG", longest_side=4096, quality=None, page_share=0.95)
_FULL_SIZE = _Rendition("WEBP", longest_side=4096, quality=90, page_share=0.7)
_THUMBNAIL = _Rendition("WEBP", longest_side=256, quality=80, page_share=0.95)
_ICON = _Rendition("WEBP", longest_side=96, quality=75, page_share=0.95)
"""The first two states in the list, of pictures that are not shown as thumbnails anyway."""


@dataclass(frozen=True)
class Table:
    """A table of formatted text."""

    caption: str
    """Caption above the table."""
    columns: Sequence[str]
    """Headings of the columns."""
    rows: Sequence[Sequence[str]]
    """Cells, row by row."""


@dataclass(frozen=True)
class Histogram:
    """The distribution of finite values in one or more series."""

    caption: str
    """Caption above the histogram."""
    unit: str
    """Unit of the values."""
    series: Mapping[str, Sequence[float]]
    """Values by the name of their series."""


@dataclass(frozen=True)
class Comparison:
    """One picture in several states."""

    name: str
    """Name of the picture."""
    caption: str
    """Line beside the name."""
    cells: Sequence[str]
    """Cells of its row in the list of pictures, after the name."""
    read: Callable[[], Mapping[str, Pixels]]
    """Reads the states by label, each H×W×C, or none to list the picture without showing it. Called once. The
    slider starts with the first two states."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Short lines, such as scores, by the label of their state."""
    small: bool = False
    """Whether `read` returns thumbnails."""


def render(
    title: str,
    facts: Sequence[str],
    *,
    tables: Sequence[Table] = (),
    histogram: Histogram | None = None,
    listed: Sequence[str] = (),
    comparisons: Sequence[Comparison] = (),
    truth: str | None = None,
    noun: str = "picture",
    exact: bool = False,
    on_note: Callable[[str], None] | None = None,
) -> str:
    """Renders a page.

    Args:
        title: Title of the page.
        facts: Short statements under the title.
        tables: Tables.
        histogram: A histogram, if there is one.
        listed: Headings of the comparisons' cells.
        comparisons: Pictures, the most interesting ones first. At most FULL_SIZE_COUNT are shown at full
            size, and fewer if they are large.
        truth: Label of the ground truth among the states.
        noun: What a comparison is called on the page.
        exact: Whether pictures are embedded without loss where they fit, so that differences show no
            compression.
        on_note: Called with a sentence for each picture that the page shows smaller, with loss despite
            `exact`, or not at all.

    Returns:
        The HTML text.
    """
    report = {
        "title": title,
        "facts": list(facts),
        "tables": [asdict(table) for table in tables],
        "histogram": asdict(histogram) if histogram else None,
        "listed": list(listed),
        "comparisons": list(embed(comparisons, exact, on_note)),
        "truth": truth,
        "noun": noun,
    }
    return fill_template(_TEMPLATE, report)


def fill_template(template: Path, report: Mapping[str, Any]) -> str:
    """Fills a template with the style sheets, the slider and the data of a page.

    Args:
        template: The template, with the words PAGE_CSS, SLIDER_CSS, SLIDER_JS and REPORT_JSON.
        report: What the scripts of the page read, in types that JSON knows.

    Returns:
        The HTML text.
    """
    # The data is escaped, so that no name can end the script element that contains it.
    data = json.dumps(report, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    data = data.encode(errors="backslashreplace").decode()  # names that are not UTF-8, as JSON escapes them
    page = template.read_text(encoding="utf-8")
    for name, file in (("PAGE_CSS", PAGE_CSS), ("SLIDER_CSS", SLIDER_CSS), ("SLIDER_JS", SLIDER_JS)):
        page = page.replace(name, file.read_text(encoding="utf-8"))
    return page.replace("REPORT_JSON", data)


def facts_of(file: Path) -> list[str]:
    """Returns the facts of a page that `render` made. Returns none for any other file."""
    try:
        if not file.is_file() or file.stat().st_size > 2 * PAGE_BYTES:  # a pipe would never end
            return []
        text = file.read_text(encoding="utf-8")
        embedded = _EMBEDDED.search(text)
        return [str(fact) for fact in json.loads(embedded[1])["facts"]] if embedded else []
    except (OSError, ValueError, LookupError, TypeError):
        return []


def embed(
    comparisons: Sequence[Comparison], exact: bool, on_note: Callable[[str], None] | None
) -> Iterator[dict[str, Any]]:
    """Embeds pictures as data URLs, as large as the page has room for.

    Args:
        comparisons: The pictures, each of which is read when its turn comes.
        exact: Whether pictures are embedded without loss where they fit.
        on_note: Receives a sentence for each picture that is embedded in another way.

    Yields:
        Each comparison in types that JSON knows.
    """
    used = sum(_text_bytes(comparison) for comparison in comparisons)
    full_size = 0
    with ThreadPoolExecutor() as pool:
        for comparison in comparisons:
            states = comparison.read()
            views: dict[str, str] = {}
            only_small = comparison.small or full_size >= FULL_SIZE_COUNT
            full_size += not comparison.small
            renditions = (_THUMBNAIL,) if only_small else (_FULL_SIZE, _THUMBNAIL)
            for rendition in (_EXACT, *renditions) if exact else renditions:
                urls = list(pool.map(partial(_data_url, rendition=rendition), states.values()))
                size = sum(map(len, urls))
                if used + size <= rendition.page_share * PAGE_BYTES:
                    views = dict(zip(states, urls, strict=True))
                    used += size
                    break
            small = rendition is _THUMBNAIL
            icons: list[str] = []
            if views and not small and len(comparisons) > 1:
                icons = [_data_url(pixels, _ICON) for pixels in list(states.values())[:2]]
                used += sum(map(len, icons))
            remark = _remark(next(iter(states.values())), rendition, exact) if views else ""
            if on_note and states and (remark or not views):
                limits = f"a page holds {PAGE_BYTES // 10**6} MB and {_EXACT.longest_side} pixels a side"
                on_note(f"On the page, '{comparison.name}' is {remark or 'left out'}: {limits}.")
            yield {
                "name": comparison.name,
                "caption": ", ".join(filter(None, (comparison.caption, remark))),
                "cells": list(comparison.cells),
                "notes": dict(comparison.notes),
                "views": views,
                "icons": icons,
                "small": small,
            }


def _text_bytes(comparison: Comparison) -> int:
    """Returns about how much room a picture takes on the page beside its views."""
    texts = (comparison.name, comparison.caption, *comparison.cells, *comparison.notes.values())
    return 100 + sum(len(text.encode(errors="replace")) for text in texts)


def _remark(pixels: Pixels, rendition: _Rendition, exact: bool) -> str:
    """Describes how the page's version of a picture differs from what was requested. Empty if it does not."""
    height, width = shrink_to(pixels, rendition.longest_side).shape[:2]
    size = [f"at {width}×{height}"] if (height, width) != pixels.shape[:2] else []
    lossy = ["lossy"] if exact and rendition.quality is not None else []
    return f"shown {', '.join(size + lossy)}" if size or lossy else ""


def _data_url(pixels: Pixels, rendition: _Rendition) -> str:
    pixels = shrink_to(pixels, rendition.longest_side)
    picture = Image(pixels, rendition.format)
    data = encode(picture, rendition.format, quality=rendition.quality)
    return f"data:image/{rendition.format.lower()};base64,{base64.b64encode(data).decode()}"
