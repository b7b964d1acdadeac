"""How uploads are received, without a network."""

from __future__ import annotations

import asyncio
import tempfile

import pytest

pytest.importorskip("fastapi")
from fastapi import Request

from deraincli.serve import uploads
from deraincli.serve.refusals import RefusalError
from deraincli.serve.uploads import Upload, Uploads

PICTURE = bytes(range(256)) * 20_000  # 5 MB, more than is usually kept in memory
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.jpg"\r\n\r\n'
    + PICTURE
    + b"\r\n--x--\r\n"
)
HEADERS = [(b"content-type", b"multipart/form-data; boundary=x")]


def request(chunks: list[bytes], headers: list[tuple[bytes, bytes]] = HEADERS) -> Request:
    """A request whose body arrives in chunks, and then nothing more."""
    waiting = [*chunks]

    async def receive() -> dict[str, object]:
        if not waiting:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting) or not chunks[-1]}

    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


def receive(receiver: Uploads, asked: Request) -> Upload:
    async def run() -> Upload:
        async with receiver.receive(asked) as upload:
            return upload

    return asyncio.run(run())


def test_a_large_upload_never_goes_to_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file was opened")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert receive(Uploads(2**24, 2**26), request([FORM])).picture == PICTURE


def test_the_sum_of_all_uploads_has_a_limit() -> None:
    receiver = Uploads(max_body=1000, budget=1500)

    async def run() -> int:
        async with receiver.receive(request([bytes(900)], [])):
            with pytest.raises(RefusalError) as refused:
                async with receiver.receive(request([bytes(900)], [])):
                    raise AssertionError
        async with receiver.receive(request([bytes(900)], [])):  # there is room again
            return refused.value.status

    assert asyncio.run(run()) == 429


def test_an_upload_that_stands_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "STALL_LIMIT", 0.01)
    with pytest.raises(RefusalError, match="stood still") as refused:
        receive(Uploads(1000, 1000), request([b"half", b""], []))
    assert refused.value.status == 408
