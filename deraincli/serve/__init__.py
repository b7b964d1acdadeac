"""Serves restoration to browsers and programs over HTTP. Needs FastAPI and uvicorn, the extra `serve`."""

from __future__ import annotations

from importlib.util import find_spec

from deraincli.errors import InputError
from deraincli.runtime.installation import install_command


def require_server() -> None:
    """Checks that the libraries of the server are installed.

    Raises:
        InputError: One of them is not installed.
    """
    for name in ("fastapi", "uvicorn", "python_multipart"):
        if find_spec(name) is None:
            raise InputError(f"The server needs {name}, which is not installed: {install_command('serve')}")
