"""The files of the page."""

from __future__ import annotations

from pathlib import Path

from deraincli.reporting.html_page import SLIDER_CSS, SLIDER_JS

_FOLDER = Path(__file__).with_name("page")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "manifest-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
"""The content security policy, which keeps the page from everything but its own server."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
"""Headers of every file of the page."""


def page_files() -> dict[str, Path]:
    """Returns the files of the page by the path of their address, which is empty for the page itself."""
    files = {file.name: file for file in (*sorted(_FOLDER.iterdir()), SLIDER_CSS, SLIDER_JS)}
    return {"": files.pop("index.html"), "docs": files.pop("docs.html"), **files}
