"""ONNX Runtime for browsers, from the npm registry at a pinned version.

The package has 33 MB, of which the page needs six files. So it is fetched when a static page is written, and
is part of neither the repository nor the wheel.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import io
import tarfile
import urllib.request
from contextlib import suppress
from pathlib import Path

from deraincli.errors import InputError, OutputError
from deraincli.files.atomic import write_atomically
from deraincli.files.folders import make_folder
from deraincli.files.locations import cache_folder

NAME = "onnxruntime-web"
VERSION = "1.30.0"
LICENCE = """MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
"""The licence, which the package itself names but does not hold."""
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""SHA-512 of the package in base64, as the registry states it."""
URL = f"https://registry.npmjs.org/{NAME}/-/{NAME}-{VERSION}.tgz"

MODULES = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort.jspi.min.mjs",
    "ort-wasm-simd-threaded.jspi.mjs",
)
"""JavaScript modules: for processors, and with WebGPU for graphics cards."""
BINARIES = ("ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.jspi.wasm")
"""WebAssembly of both. It is compressed here, because not every host compresses it, to a quarter."""


def runtime_files() -> dict[str, bytes]:
    """Returns the files of the runtime by name. Fetches the package if it is not in the cache.

    Raises:
        InputError: The package cannot be fetched, or is not the pinned one.
    """
    with tarfile.open(fileobj=io.BytesIO(_package())) as archive:
        files = {name: _member(archive, name) for name in MODULES}
        packed = {f"{name}.gz": gzip.compress(_member(archive, name), mtime=0) for name in BINARIES}
    return files | packed


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(f"package/dist/{name}")
    assert file is not None  # the hash of the package is known
    return file.read()


def _package() -> bytes:
    kept = cache_folder() / "npm" / f"{NAME}-{VERSION}.tgz"
    with suppress(OSError):
        if _is_pinned(data := kept.read_bytes()):
            return data
    data = _fetched(kept)
    with suppress(OutputError):  # a cache that cannot be written only costs another download
        make_folder(kept.parent)
        write_atomically(kept, data, overwrite=True)
    return data


def _fetched(kept: Path) -> bytes:
    try:
        with urllib.request.urlopen(URL, timeout=60) as answer:
            data = bytes(answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise InputError(
            f"{URL} cannot be fetched ({error}): connect to the network, or put the file at '{kept}'."
        ) from None
    if not _is_pinned(data):
        raise InputError(f"{URL} is not the package that this version expects: try again on another network.")
    return data


def _is_pinned(data: bytes) -> bool:
    return base64.b64encode(hashlib.sha512(data).digest()).decode() == SHA512
