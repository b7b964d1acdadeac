"""A real server on a loopback port, and a client that has nothing in common with it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

BOUNDARY = "a-line-that-is-in-no-picture"


class Answer(NamedTuple):
    """The answer to a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        return self.json["detail"]


class Server:
    """A running `derain serve`."""

    def __init__(self, process: subprocess.Popen[str], url: str, greeting: str) -> None:
        self.process = process
        self.url = url
        self.greeting = greeting
        self.host, self.port = urlsplit(url).hostname or "", urlsplit(url).port or 0

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=120)

    def get(self, path: str, headers: Mapping[str, str] = {}) -> Answer:
        return self._ask("GET", path, None, headers)

    def head(self, path: str) -> Answer:
        return self._ask("HEAD", path, None, {})

    def post(self, path: str, body: bytes, headers: Mapping[str, str] = {}) -> Answer:
        return self._ask("POST", path, body, headers)

    def send_form(self, path: str, files: Mapping[str, bytes], **fields: object) -> Answer:
        """Sends a form as a browser does."""
        parts = [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        for name, data in files.items():
            head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="ü.bin"\r\n\r\n'
            parts.append(head.encode() + data + b"\r\n")
        parts.append(f"--{BOUNDARY}--\r\n".encode())
        return self.post(path, b"".join(parts), {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        connection = self.connect()
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def stop(self, sent: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Stops the server. Returns its exit code and what it printed."""
        self.process.send_signal(sent)
        _, printed = self.process.communicate(timeout=120)
        return self.process.returncode, printed


@contextmanager
def serving(
    *arguments: object,
    derain: Sequence[str] = (sys.executable, "-m", "deraincli"),
    environment: Mapping[str, str] = os.environ,
) -> Iterator[Server]:
    """Runs `derain serve` on a free port.

    Args:
        arguments: Further arguments of the command.
        derain: How `derain` is called.
        environment: The environment variables.
    """
    command = [*derain, "serve", "--port", "0", *map(str, arguments)]
    environment = {**environment, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        printed = ""
        try:
            while not (found := re.search(r"at (http://\S+)", printed)):
                line = process.stderr.readline()
                assert line, printed
                printed += line
            yield Server(process, found[1], printed)
        finally:
            process.kill()
