"""Keeps compiled models in the cache folder."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from deraincli.errors import OutputError
from deraincli.files.atomic import write_atomically
from deraincli.files.locations import cache_folder

MOST = 64
"""Number of compiled models that are kept. One of balnet-lite takes 5 MB."""

_DIGEST_BYTES = 32


class CompiledCache:
    """A folder of compiled models. Each file begins with the SHA-256 of the rest.

    Several processes may share the folder. What is damaged counts as missing and is written again.
    """

    def read(self, key: str) -> bytes | None:
        """Returns what was written for a key, None if it is missing or damaged."""
        path = self._path(key)
        try:
            content = path.read_bytes()
            path.touch()  # the file stays, because it is in use
        except OSError:
            return None
        digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        return data if hashlib.sha256(data).digest() == digest else None

    def write(self, key: str, data: bytes) -> None:
        """Keeps data for a key. Does nothing if the folder cannot be written."""
        path = self._path(key)
        with suppress(OSError, OutputError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, hashlib.sha256(data).digest() + data, overwrite=True)
            newest_first = sorted(path.parent.glob("*.blob"), key=lambda file: -file.stat().st_mtime)
            for old in newest_first[MOST:]:
                old.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return cache_folder() / "compiled" / f"{key}.blob"
