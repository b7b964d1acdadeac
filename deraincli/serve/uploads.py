"""Receives pictures from clients, in memory and within limits.

A client that is slow, sends too much or goes away in the middle costs the server no more than the bytes that
it has sent, and never a place in the queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from deraincli.serve.refusals import RefusalError

PICTURE = "picture"
"""Name of the form field that holds the picture."""
MASKS = ("mask", "protect")
"""Names of the form fields that may hold masks."""
STALL_LIMIT = 30.0
"""Seconds without a byte after which an upload is given up."""
MAX_FIELDS = 30
"""Largest number of fields and of files in a form."""


@dataclass(frozen=True)
class Upload:
    """What a client sent."""

    picture: bytes
    """Content of the picture's file."""
    masks: dict[str, bytes] = field(default_factory=dict)
    """Contents of the masks' files, by a name of MASKS."""
    fields: dict[str, str] = field(default_factory=dict)
    """The other fields of the form, by name."""


def refuse_repeated(names: Iterable[str]) -> None:
    """Checks that a request gives nothing twice, because all but one value would be ignored.

    Args:
        names: Names of the files and options of the request.

    Raises:
        RefusalError: A name is there twice.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise RefusalError(
                422, f"The request holds {name!r} twice: send one picture, and each option once."
            )
        seen.add(name)


class Uploads:
    """Receives uploads, and counts how much memory they hold together."""

    def __init__(self, max_body: int, budget: int) -> None:
        """Takes the limits.

        Args:
            max_body: Largest body of a request, bytes.
            budget: Largest sum of the bodies of all requests, bytes.
        """
        self._max_body = max_body
        self._budget = budget
        self._held = 0

    @asynccontextmanager
    async def receive(self, request: Request) -> AsyncIterator[Upload]:
        """Receives an upload and holds its bytes until the end of the block.

        Args:
            request: The request, whose body nobody has read.

        Yields:
            The upload.

        Raises:
            RefusalError: The body is too large, too slow, or not what it says.
            ClientDisconnect: The client has gone.
        """
        self._check_length(request)
        received = 0

        async def counted() -> AsyncGenerator[bytes, None]:
            nonlocal received
            async for chunk in _patiently(request.stream()):
                received += len(chunk)
                self._held += len(chunk)
                if received > self._max_body:
                    raise self._too_large()
                if self._held > self._budget:
                    raise RefusalError(
                        429, "The server holds too many pictures: try again.", {"Retry-After": "5"}
                    )
                yield chunk

        try:
            if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
                yield await _parse_form(request, counted(), self._max_body)
            else:
                yield Upload(b"".join([chunk async for chunk in counted()]))
        finally:
            self._held -= received

    def _check_length(self, request: Request) -> None:
        """Refuses a body that announces itself as too large, before it is sent."""
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._max_body:
            raise self._too_large()

    def _too_large(self) -> RefusalError:
        limit = self._max_body / 2**20
        return RefusalError(413, f"The request is larger than {limit:g} MB: send a smaller file.")


async def _patiently(stream: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """Yields the chunks of a body. Raises RefusalError if the client stops sending."""
    while True:
        try:
            async with asyncio.timeout(STALL_LIMIT):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise RefusalError(
                408, f"The upload stood still for {STALL_LIMIT:g} seconds: send it again."
            ) from None
        yield chunk


async def _parse_form(request: Request, body: AsyncGenerator[bytes, None], max_body: int) -> Upload:
    parser = MultiPartParser(request.headers, body, max_files=MAX_FIELDS, max_fields=MAX_FIELDS)
    parser.spool_max_size = max_body + 1  # a larger file than that is refused, so none goes to the disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise RefusalError(
            400, f"The form cannot be read ({error.message}): send multipart/form-data."
        ) from None
    try:
        refuse_repeated(name for name, _ in form.multi_items())
        files = {name: await value.read() for name, value in form.items() if isinstance(value, UploadFile)}
    finally:
        await form.close()
    if PICTURE not in files:
        raise RefusalError(422, f"The form holds no file named '{PICTURE}': add one.")
    picture = files.pop(PICTURE)
    if unknown := files.keys() - set(MASKS):
        names = ", ".join((PICTURE, *MASKS))
        raise RefusalError(422, f"The form holds a file named '{unknown.pop()}': the names are {names}.")
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    return Upload(picture, files, fields)
