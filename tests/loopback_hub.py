"""A Hugging Face Hub on this machine, for tests: the routes that pulling and pushing a model use.

Large files are served as the Hub serves them: `resolve` redirects to another host, which takes ranges.
Faults wait in `faults`, under the beginning of a request such as "GET /lfs", and strike once each.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

TOKEN = "hf_loopback"
LICENCES = {"cc-by-4.0", "mit", "apache-2.0", "other", "unknown"}
LARGE = (".safetensors", ".onnx")
"""Suffixes of files that the Hub stores apart."""


@dataclass
class Repository:
    """Commits by hash, the newest last; each holds whole files by name."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: bool = False
    gated: bool = False

    def commit(self, files: dict[str, bytes]) -> str:
        """Adds a commit on top of the newest; returns its hash."""
        everything = {**(self.newest or {}), **files}
        content = b"".join(name.encode() + data for name, data in sorted(everything.items()))
        oid = hashlib.sha1(content + str(len(self.commits)).encode()).hexdigest()
        self.commits[oid] = everything
        return oid

    @property
    def newest(self) -> dict[str, bytes] | None:
        return list(self.commits.values())[-1] if self.commits else None

    def resolve(self, revision: str) -> str | None:
        """The commit that a revision stands for."""
        if revision == "main":
            return list(self.commits)[-1]
        return revision if revision in self.commits else None


class LoopbackHub:
    """The server; `endpoint` is what HF_ENDPOINT takes."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.uploads: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.faults: dict[str, list[Fault]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, name: str, files: dict[str, bytes], **rules: bool) -> str:
        """Commits files to a repository; returns the commit's hash."""
        repository = self.repositories.setdefault(name, Repository(**rules))
        return repository.commit(files)

    def times(self, request: str) -> int:
        """How often a request was made whose line begins like this."""
        return sum(line.startswith(request) for line in self.requests)

    def blob(self, oid: str) -> bytes | None:
        contents = [
            data
            for repository in self.repositories.values()
            for files in repository.commits.values()
            for data in files.values()
        ]
        return next((data for data in contents if hashlib.sha256(data).hexdigest() == oid), None)


class ResettingServer:
    """Resets every connection before any answer, and counts them; `endpoint` is what HF_ENDPOINT takes."""

    def __init__(self, listening: socket.socket) -> None:
        self.endpoint = "http://{}:{}".format(*listening.getsockname())
        self.connections = 0
        self._listening = listening

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # closed
                return
            self.connections += 1
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


@contextmanager
def resetting_server() -> Iterator[ResettingServer]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = ResettingServer(listening)
        threading.Thread(target=server.serve, daemon=True).start()
        yield server
        listening.shutdown(socket.SHUT_RDWR)


Fault = Callable[["_Handler"], None]
"""Strikes instead of the answer to a request."""


def status(code: int) -> Fault:
    """An answer without content."""

    def strike(handler: _Handler) -> None:
        handler.answer(code)

    return strike


def sends(data: bytes, *, length: int | None = None) -> Fault:
    """Other content than asked for; with a larger `length` announced, the connection drops after it."""

    def strike(handler: _Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(length or len(data)))
        handler.end_headers()
        handler.wfile.write(data)
        handler.wfile.flush()
        handler.close_connection = True

    return strike


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: LoopbackHub

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing."""

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        line = f"{self.command} {self.path.split('?')[0]}"
        self.hub.requests.append(f"{line} {self.headers.get('Range', '')}".strip())
        for start, waiting in self.hub.faults.items():
            if line.startswith(start) and waiting:
                waiting.pop(0)(self)
                return
        for method, pattern, route in ROUTES:
            match = re.fullmatch(pattern, self.path.split("?")[0])
            if method in (self.command, "GET" if self.command == "HEAD" else None) and match:
                route(self, body, **match.groupdict())
                return
        self.answer(404)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815

    def answer(self, code: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def json(self, content: object, code: int = 200) -> None:
        self.answer(code, json.dumps(content).encode(), Content_Type="application/json")

    @property
    def authorised(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def resolve(self, body: bytes, name: str, revision: str, file: str) -> None:
        repository = self.hub.repositories.get(name)
        if self.headers.get("Authorization") not in (None, f"Bearer {TOKEN}"):
            return self.answer(401, X_Error_Message="Invalid credentials in Authorization header")
        if repository is None or (repository.private and not self.authorised):
            return self.answer(401, X_Error_Code="RepoNotFound")
        if repository.gated and not self.authorised:
            return self.answer(403, X_Error_Code="GatedRepo")
        commit = repository.resolve(revision)
        if commit is None:
            return self.answer(404, X_Error_Code="RevisionNotFound")
        data = repository.commits[commit].get(file)
        if data is None:
            return self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
        if not file.endswith(LARGE):
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            return self.answer(200, data, ETag=f'"{blob}"', X_Repo_Commit=commit)
        oid = hashlib.sha256(data).hexdigest()
        return self.answer(
            302,
            Location=f"http://localhost:{self.hub.port}/lfs/{oid}",
            X_Repo_Commit=commit,
            X_Linked_ETag=f'"{oid}"',
            X_Linked_Size=str(len(data)),
        )

    def download(self, body: bytes, oid: str) -> None:
        data = self.hub.blob(oid)
        if data is None or self.headers.get("Authorization"):  # the token is for the Hub's host alone
            return self.answer(403)
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted is None:
            return self.answer(200, data)
        start = int(wanted[1])
        span = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return self.answer(206, data[start:], Content_Range=span)

    def create(self, body: bytes) -> None:
        if not self.authorised:
            return self.answer(401)
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.hub.repositories:
            return self.json({"error": "exists", "url": f"{self.hub.endpoint}/{name}"}, 409)
        self.hub.repositories[name] = Repository(
            private=asked.get("private") or asked.get("visibility") == "private"
        )
        self.hub.repositories[name].commit({".gitattributes": b""})
        return self.json({"url": f"{self.hub.endpoint}/{name}"})

    def validate(self, body: bytes) -> None:
        front = re.match(r"---\n(.*?)\n---\n", json.loads(body)["content"], re.DOTALL)
        data = yaml.safe_load(front[1]) if front else {}
        errors = [
            {"message": f"{key} is wrong"}
            for key, fine in (
                ("license", data.get("license", "unknown") in LICENCES),
                (
                    "license_name",
                    data.get("license") != "other" or re.fullmatch("[a-z0-9-]+", data["license_name"]),
                ),
                ("pipeline_tag", data.get("pipeline_tag") == "image-to-image"),
                ("library_name", isinstance(data.get("library_name"), str)),
                ("tags", all(isinstance(tag, str) for tag in data.get("tags", []))),
                ("datasets", all(isinstance(name, str) for name in data.get("datasets", []))),
                ("widget", all(isinstance(each["src"], str) for each in data.get("widget", []))),
                ("model-index", all(map(_is_model, data.get("model-index", [])))),
            )
            if not fine
        ]
        return self.json({"errors": errors, "warnings": []}, 400 if errors else 200)

    def information(self, body: bytes, name: str, revision: str) -> None:
        return self.json({"id": name, "xetEnabled": False})

    def preupload(self, body: bytes, name: str, revision: str) -> None:
        if not self.authorised:
            return self.answer(401)
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(body)["files"]
        ]
        return self.json({"files": files})

    def batch(self, body: bytes, name: str) -> None:
        objects = [
            {**wanted, "actions": {"upload": {"href": f"{self.hub.endpoint}/upload/{wanted['oid']}"}}}
            for wanted in json.loads(body)["objects"]
        ]
        return self.json({"transfer": "basic", "objects": objects})

    def upload(self, body: bytes, oid: str) -> None:
        self.hub.uploads[oid] = body
        return self.answer(200)

    def commit(self, body: bytes, name: str, revision: str) -> None:
        if not self.authorised:
            return self.answer(401)
        files = {}
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            if line["key"] == "lfsFile":
                files[value["path"]] = self.hub.uploads[value["oid"]]
        oid = self.hub.repositories[name].commit(files)
        return self.json(
            {"success": True, "commitOid": oid, "commitUrl": f"{self.hub.endpoint}/{name}/commit/{oid}"}
        )


def _is_model(entry: Any) -> bool:
    """Whether an entry of a model-index has what the Hub demands."""
    return bool(entry["name"]) and all(
        result["task"]["type"]
        and result["dataset"].keys() >= {"type", "name"}
        and all(metric["type"] and isinstance(metric["value"], float) for metric in result["metrics"])
        for result in entry["results"]
    )


REPOSITORY = r"(?P<name>[^/]+/[^/]+)"
ROUTES: list[tuple[str, str, Callable[..., None]]] = [
    ("GET", rf"/{REPOSITORY}/resolve/(?P<revision>[^/]+)/(?P<file>.+)", _Handler.resolve),
    ("GET", r"/lfs/(?P<oid>\w+)", _Handler.download),
    ("POST", "/api/repos/create", _Handler.create),
    ("POST", "/api/validate-yaml", _Handler.validate),
    ("GET", rf"/api/models/{REPOSITORY}/revision/(?P<revision>[^/]+)", _Handler.information),
    ("POST", rf"/api/models/{REPOSITORY}/preupload/(?P<revision>[^/]+)", _Handler.preupload),
    ("POST", rf"/{REPOSITORY}\.git/info/lfs/objects/batch", _Handler.batch),
    ("PUT", r"/upload/(?P<oid>\w+)", _Handler.upload),
    ("POST", rf"/api/models/{REPOSITORY}/commit/(?P<revision>[^/]+)", _Handler.commit),
]


def _handler(hub: LoopbackHub) -> type[_Handler]:
    return type("Handler", (_Handler,), {"hub": hub})
