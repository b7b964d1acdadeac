"""The HTTP interface: its addresses, what they take, and what they answer."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from deraincli._version import __version__
from deraincli.errors import DerainError
from deraincli.serve.loaded_models import LoadedModels, OfferedModel
from deraincli.serve.options import RequestOptions, sentence
from deraincli.serve.page_files import HEADERS, page_files
from deraincli.serve.refusals import CLIENT_CLOSED, RefusalError, answer_bug, answer_error, answer_refusal
from deraincli.serve.request_queue import RequestQueue
from deraincli.serve.restoring import restore_upload
from deraincli.serve.uploads import MASKS, PICTURE, Uploads, refuse_repeated

LARGE_UPLOADS = 4
"""Number of bodies of the largest size that the server holds at the same time. Smaller ones may be more."""


@dataclass(frozen=True)
class ServerLimits:
    """What the server takes from its clients."""

    max_pixels: int
    """Largest number of pixels of a picture."""
    max_body: int
    """Largest body of a request, bytes."""
    waiting: int
    """Largest number of pictures that wait while another one is restored."""
    token: str | None = None
    """Token that every request for a picture must bring. None asks for none."""
    origins: Sequence[str] = ()
    """Origins of other web pages that may use the server."""


BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The picture as the body, or a form with the file `picture`, files `mask` (white "
        "parts are restored) and `protect` (white parts are left alone), and any of the options.",
        "content": {
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [PICTURE],
                    "properties": {
                        name: {"type": "string", "format": "binary"} for name in (PICTURE, *MASKS)
                    },
                }
            },
        },
    }
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The restored picture, or JSON with `maps=1` or `Accept: application/json`."},
    401: {"description": "The token is missing or wrong."},
    408: {"description": "The upload stood still."},
    413: {"description": "The body or the picture is too large."},
    422: {"description": "The picture cannot be read, or an option is wrong."},
    429: {"description": "Too many pictures wait. `Retry-After` names the seconds to wait."},
}


def create_app(loaded: LoadedModels, limits: ServerLimits) -> FastAPI:
    """Builds the application.

    Args:
        loaded: The models.
        limits: What it takes from its clients.

    Returns:
        The application, for any ASGI server.
    """
    queue = RequestQueue(limits.waiting)
    uploads = Uploads(limits.max_body, LARGE_UPLOADS * limits.max_body)

    app = _empty_app(limits, queue)

    @app.head("/api/health", include_in_schema=False)
    @app.get("/api/health")
    async def health() -> dict[str, object]:
        """Reports that the server runs, and how much it has done."""
        return {
            "status": "ok",
            "version": __version__,
            "unfinished": queue.unfinished,
            "finished": queue.finished,
            "stopped": queue.stopped,
        }

    allowed = [Depends(partial(_check_client, limits))]

    @app.get("/api/models", dependencies=allowed)
    async def models() -> list[OfferedModel]:
        """Lists the models that the option `model` takes."""
        return loaded.offered()

    @app.post(
        "/api/derain",
        dependencies=allowed,
        response_class=Response,
        responses=ANSWERS,
        openapi_extra=BODY,
    )
    async def derain(request: Request, options: Annotated[RequestOptions, Query()]) -> Response:
        """Removes rain from a picture, and answers with the bytes that `derain image` writes."""
        async with uploads.receive(request) as upload:
            refuse_repeated([*(name for name, _ in request.query_params.multi_items()), *upload.fields])
            chosen = _merged(options, upload.fields, request.headers.get("accept", ""))
            job = partial(restore_upload, loaded, upload, chosen, limits.max_pixels)
            answer = await queue.run(job, partial(_gone, request))
        if chosen.maps:
            return await run_in_threadpool(JSONResponse, answer.json())
        return Response(answer.data, media_type=answer.media_type)

    _add_page(app)
    return app


def _empty_app(limits: ServerLimits, queue: RequestQueue) -> FastAPI:
    """Returns the application without addresses. The queue is closed when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        queue.close()

    app = FastAPI(
        title="derain",
        summary="Removes rain streaks and raindrops on the lens from photos.",
        version=__version__,
        docs_url=None,  # its page loads scripts from another server
        redoc_url=None,
        lifespan=lifespan,
        exception_handlers={
            DerainError: answer_error,
            MemoryError: answer_error,
            RefusalError: answer_refusal,
            RequestValidationError: _answer_invalid,
            HTTPException: _answer_unknown,
            ClientDisconnect: _answer_nobody,
            Exception: answer_bug,
        },
    )
    if limits.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(limits.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After"],  # browsers hide it from scripts of other servers otherwise
        )
    return app


def _add_page(app: FastAPI) -> None:
    """Adds the files of the page."""
    for name, file in page_files().items():
        app.add_route(f"/{name}", _sender(file), include_in_schema=False)


def _sender(file: Path) -> Callable[[Request], Awaitable[Response]]:
    async def send(request: Request) -> Response:
        return FileResponse(file, headers=HEADERS)

    return send


def _check_client(limits: ServerLimits, request: Request) -> None:
    """Refuses clients without the token, and web pages of other servers."""
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if limits.token is not None and not secrets.compare_digest(given.encode(), limits.token.encode()):
        detail = "The token is missing or wrong: send the header Authorization: Bearer TOKEN."
        raise RefusalError(401, detail, {"WWW-Authenticate": "Bearer"})
    origin = request.headers.get("origin")
    own = request.headers.get("host", "")
    if origin and origin.partition("://")[2] != own and not {origin, "*"} & set(limits.origins):
        raise RefusalError(403, f"The page {origin} may not use this server: allow it with --cors {origin}.")


def _merged(options: RequestOptions, fields: dict[str, str], accept: str) -> RequestOptions:
    """Returns the options of the address, of the form, and of the header Accept together."""
    given = options.model_dump(exclude_unset=True) | fields
    if accept.startswith("application/json"):
        given["maps"] = True
    try:
        return RequestOptions.model_validate(given)
    except ValidationError as error:
        raise RefusalError(422, sentence(error.errors())) from None


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    """Returns the answer to options in the address that are wrong."""
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"detail": sentence(error.errors())}, 422)


async def _answer_unknown(request: Request, error: Exception) -> JSONResponse:
    """Returns the answer to an address, or a method of an address, that there is not."""
    assert isinstance(error, HTTPException)
    allowed = (error.headers or {}).get("Allow")
    detail = (
        f"This address takes {allowed} alone: see /docs." if allowed else "There is no such page: see /docs."
    )
    return JSONResponse({"detail": detail}, error.status_code, error.headers)


async def _answer_nobody(request: Request, error: Exception) -> Response:
    """Ends a request whose client went away before the picture had arrived."""
    return Response(status_code=CLIENT_CLOSED)


async def _gone(request: Request) -> None:
    """Returns when the client goes away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
