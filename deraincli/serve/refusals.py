"""Errors as answers: a status, and one sentence in `{"detail": …}`."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import JSONResponse

from deraincli.errors import DerainError, DeviceError, InputError, OutputError, TooLargeError, UsageError

log = logging.getLogger("uvicorn.error")

CLIENT_CLOSED = 499
"""Status for a client that has gone. Nobody reads it."""


class RefusalError(Exception):
    """A request that is refused before its picture is looked at."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        """Takes the answer.

        Args:
            status: Status of the answer.
            detail: One sentence that says what to do next.
            headers: Further headers of the answer.
        """
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


async def answer_refusal(request: Request, error: Exception) -> JSONResponse:
    """Returns the answer to a request that was refused."""
    assert isinstance(error, RefusalError)
    return JSONResponse({"detail": error.detail}, error.status, error.headers)


async def answer_error(request: Request, error: Exception) -> JSONResponse:
    """Returns the answer to a picture that cannot be restored.

    The sentences on pictures and options are those of the command line. Errors of the server itself may name
    its files, so the client gets a general sentence, and the log gets the whole one.
    """
    assert isinstance(error, DerainError | MemoryError)
    if isinstance(error, TooLargeError):
        return JSONResponse({"detail": str(error)}, 413)
    if isinstance(error, InputError | OutputError | UsageError):
        return JSONResponse({"detail": str(error)}, 422)
    log.error("%s", error or "Memory runs out.")
    if isinstance(error, DeviceError | MemoryError):
        detail = "The server has too little memory for this picture: send a smaller one, or try again later."
        return JSONResponse({"detail": detail}, 503)
    return await answer_bug(request, error)


async def answer_bug(request: Request, error: Exception) -> JSONResponse:
    """Returns the answer to a request at which the server itself failed."""
    return JSONResponse({"detail": "The server failed: ask who runs it to read its log."}, 500)
