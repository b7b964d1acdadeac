"""One self-contained HTML page: tables, a histogram, and a before/after slider over pictures.

The page needs no network and asks for none (its content security policy forbids it); it stays below
PAGE_BYTES. What it looks like and does is in html_page.html, which takes the report as one JSON object.
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
from deraincli.imaging.image import Image, Pixels

PAGE_BYTES = 40_000_000
FULL_SIZE_COUNT = 50
"""So many pictures are shown at full size, the others as thumbnails."""

_TEMPLATE = Path(__file__).with_name("html_page.html")
_EMBEDDED = re.compile(r'<script type="application/json" id="report">(.*?)</script>', re.DOTALL)


class _Rendition(NamedTuple):
    """How pictures are embedded, and up to which share of PAGE_BYTES they may be."""

    format: str
    longest_side: int
    quality: int | None
    page_share: float


_EXACT = _Rendition("PNG", longest_side=4096, quality=None, page_share=0.95)
_FULL_SIZE = _Rendition("WEBP", longest_side=4096, quality=90, page_share=0.7)
_THUMBNAIL = _Rendition("WEBP", longest_side=256, quality=80, page_share=0.95)


@dataclass(frozen=True)
class Table:
    """A table of ready text under a caption."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Histogram:
    """How finite values are distributed, in one or more named series."""

    caption: str
    unit: str
    series: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Comparison:
    """One picture in several states.

    caption: a line beside its name.
    cells: its row in the list of pictures, after the name.
    read: gives the states by label, H×W×C each; the first two are what the slider starts with. Called once.
    notes: a short line on states that have one, by label, such as their score.
    """

    name: str
    caption: str
    cells: Sequence[str]
    read: Callable[[], Mapping[str, Pixels]]
    notes: Mapping[str, str] = field(default_factory=dict)


def render(
    title: str,
    facts: Sequence[str],
    *,
    tables: Sequence[Table] = (),
    histogram: Histogram | None = None,
    listed: Sequence[str] = (),
    comparisons: Sequence[Comparison] = (),
    truth: str | None = None,
    exact: bool = False,
    on_note: Callable[[str], None] | None = None,
) -> str:
    """The page as text, UTF-8.

    facts: short statements under the title.
    listed: the headings over the comparisons' cells.
    comparisons: the most interesting first: at most FULL_SIZE_COUNT are shown at full size, fewer where they
        are large.
    truth: the label of the ground truth among the states.
    exact: embeds pictures without loss where they fit, so that differences show no trace of compression.
    on_note: hears which pictures the page shows smaller, with loss though `exact`, or not at all.
    """
    report = {
        "title": title,
        "facts": list(facts),
        "tables": [asdict(table) for table in tables],
        "histogram": asdict(histogram) if histogram else None,
        "listed": list(listed),
        "comparisons": list(_embed(comparisons, exact, on_note)),
        "truth": truth,
    }
    # Escaped so that no name can end the script element it stands in.
    data = json.dumps(report, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    return _TEMPLATE.read_text(encoding="utf-8").replace("REPORT_JSON", data)


def facts_of(file: Path) -> list[str]:
    """Returns the facts of a page that `render` made; none for any other file."""
    try:
        text = file.read_text(encoding="utf-8") if file.stat().st_size <= 2 * PAGE_BYTES else ""
        embedded = _EMBEDDED.search(text)
        return [str(fact) for fact in json.loads(embedded[1])["facts"]] if embedded else []
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _embed(
    comparisons: Sequence[Comparison], exact: bool, on_note: Callable[[str], None] | None
) -> Iterator[dict[str, Any]]:
    """The comparisons with their pictures as data URLs, as large as the page has room for."""
    used = 0
    with ThreadPoolExecutor() as pool:
        for index, comparison in enumerate(comparisons):
            states = comparison.read()
            views: dict[str, str] = {}
            renditions = (_FULL_SIZE, _THUMBNAIL) if index < FULL_SIZE_COUNT else (_THUMBNAIL,)
            for rendition in (_EXACT, *renditions) if exact else renditions:
                urls = list(pool.map(partial(_data_url, rendition=rendition), states.values()))
                size = sum(map(len, urls))
                if used + size <= rendition.page_share * PAGE_BYTES:
                    views = dict(zip(states, urls, strict=True))
                    used += size
                    break
            remark = _remark(next(iter(states.values())), rendition, exact) if views else ""
            if on_note and (remark or not views):
                limits = f"a page holds {PAGE_BYTES // 10**6} MB and {_EXACT.longest_side} pixels a side"
                on_note(f"On the page, '{comparison.name}' is {remark or 'left out'}: {limits}.")
            yield {
                "name": comparison.name,
                "caption": ", ".join(filter(None, (comparison.caption, remark))),
                "cells": list(comparison.cells),
                "notes": dict(comparison.notes),
                "views": views,
                "small": rendition is _THUMBNAIL,
            }


def _remark(pixels: Pixels, rendition: _Rendition, exact: bool) -> str:
    """How the page shows a picture otherwise than it is; empty where that was asked for."""
    height, width = shrink_to(pixels, rendition.longest_side).shape[:2]
    size = [f"at {width}×{height}"] if (height, width) != pixels.shape[:2] else []
    lossy = ["lossy"] if exact and rendition.quality is not None else []
    return f"shown {', '.join(size + lossy)}" if size or lossy else ""


def _data_url(pixels: Pixels, rendition: _Rendition) -> str:
    pixels = shrink_to(pixels, rendition.longest_side)
    picture = Image(pixels, alpha=None, icc=None, exif=None, xmp=None, format=rendition.format)
    data = encode(picture, rendition.format, quality=rendition.quality)
    return f"data:image/{rendition.format.lower()};base64,{base64.b64encode(data).decode()}"
