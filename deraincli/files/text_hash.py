"""Identifies texts that may hold names of files in any encoding."""

from __future__ import annotations

import hashlib


def text_sha256(text: str) -> str:
    """Returns the SHA-256 of a text in hexadecimal digits.

    Args:
        text: Any text. A name that is not UTF-8 holds surrogates, which count like other characters.
    """
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
