"""Runs the application until it is asked to stop."""

from __future__ import annotations

import ipaddress
import os
import socket
from contextlib import suppress
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI

from deraincli.errors import UsageError

CONNECTIONS = 500
"""Largest number of open connections. Further ones are answered with 503."""
LAST_SECONDS = 30
"""Seconds that accepted pictures have to be finished when the server is asked to stop."""


def listen(host: str, port: int) -> socket.socket:
    """Opens the socket, so that clients can connect before the server runs.

    Args:
        host: Name or address of a network interface of this machine.
        port: Number of the port. 0 lets the system choose.

    Raises:
        UsageError: The address cannot be used.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        if os.name == "posix":  # Windows would share a port that is in use
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"Port {port} of {host} cannot be used ({reason}): choose another --port.") from None
    return listening


def url_of(listening: socket.socket, token: str | None) -> str:
    """Returns the address of the page.

    Args:
        listening: The socket.
        token: The token, which the page reads from the part of the address that browsers do not send.
    """
    host, port = listening.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:  # all interfaces, which is not an address that every browser opens
        host = "127.0.0.1" if address.version == 4 else "::1"
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"#token={quote(token, safe='')}" if token else "")


def is_loopback(listening: socket.socket) -> bool:
    """Returns whether only this machine can reach a socket."""
    return ipaddress.ip_address(listening.getsockname()[0]).is_loopback


def run(app: FastAPI, listening: socket.socket, *, access_log: bool) -> None:
    """Serves until Ctrl-C or SIGTERM. Accepted pictures are finished first.

    Args:
        app: The application.
        listening: The socket, which is closed at the end.
        access_log: Whether every request is logged.
    """
    config = uvicorn.Config(
        app,
        log_level="info" if access_log else "error",  # warnings are about strange clients
        access_log=access_log,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=LAST_SECONDS,
        server_header=False,
    )
    with suppress(KeyboardInterrupt):  # uvicorn passes the signal on once it has stopped
        uvicorn.Server(config).run(sockets=[listening])
