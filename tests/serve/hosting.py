"""A web server for static files, like those that host them, which counts what it sends."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Files(http.server.SimpleHTTPRequestHandler):
    """Serves files and logs nothing."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

    def log_message(self, *_: object) -> None:
        pass

    def send_header(self, keyword: str, value: str) -> None:
        if keyword == "Content-Length":
            self.server.sent.append(int(value))  # type: ignore[attr-defined]
        super().send_header(keyword, value)


class Host(http.server.ThreadingHTTPServer):
    """The server. `sent` has the size of every answer, bytes."""

    sent: list[int]

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), functools.partial(Files, directory=str(folder)))
        self.sent = []
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of browsers that go away."""


@contextmanager
def hosting(folder: Path) -> Iterator[Host]:
    """Serves a folder on a free port."""
    with Host(folder) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        yield host
        host.shutdown()
