"""A hook of MkDocs: the site has the files of the repository at their paths there.

So the links between README.md, docs/ and the other pages are the same on the site and in the repository. The
picture of a photo beside its result becomes a slider.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
ON_THE_SITE = (
    *("*.md", "docs/*.md", "docs/*.css", "docs/*.jpg", "weights/*.md", "examples/space/README.md"),
    *("CITATION.cff", "examples/*.jpg", "examples/*.png", "examples/training/first*"),
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replaces what MkDocs found in docs/ by the repository's files, and keeps those of the theme."""
    for file in list(files):
        if file.src_dir == config.docs_dir:
            files.remove(file)
    for pattern in ON_THE_SITE:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


BEFORE_AFTER = re.compile(r'<img alt="([^"]*)" src="([^"]*before_after\.jpg)"\s*/?>')
SLIDER = """<span class="before-after"><img alt="\\1" src="\\2"><img class="before" alt="" src="\\2">\
<input type="range" aria-label="Where the rainy photo ends" \
oninput="this.parentNode.style.setProperty('--at', this.value + '%')"></span>"""
"""Both halves of the picture on top of each other. docs/slider.css lays them out."""


def on_page_content(html: str, **page: Any) -> str:
    """Makes sliders of the pictures that hold a photo and its result side by side."""
    return BEFORE_AFTER.sub(SLIDER, html)
