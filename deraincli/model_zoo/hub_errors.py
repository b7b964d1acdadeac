"""Explains errors of the Hugging Face Hub in one sentence that says what to do."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from huggingface_hub import constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from deraincli.errors import ModelError
from deraincli.models.header import WEIGHTS_FILE
from deraincli.runtime.process import quiet_log

HUB_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    EntryNotFoundError,
    ValueError,  # an invalid answer, such as a commit that is not a hash
    *HfHubHTTPError.__bases__,  # type: ignore[assignment]
)
"""Errors that a request can raise. The last ones are those of the HTTP library that huggingface_hub uses."""


def status_of(error: BaseException | None) -> int | None:
    """Finds the HTTP status behind an error.

    Args:
        error: The error, whose causes are searched, too.

    Returns:
        The status, None if no server answered.
    """
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        return error.response.status_code
    return status_of(error.__cause__) if error is not None else None


def no_answer(error: Exception) -> bool:
    """Returns whether a request reached no server: an unknown host, no connection or no answer in time.

    Args:
        error: What the first request raised.

    Returns:
        Whether no server answered.
    """
    return status_of(error) is None and not isinstance(error, ValueError | EntryNotFoundError)


def check_endpoint() -> None:
    """Checks the environment variable HF_ENDPOINT.

    Raises:
        ModelError: It is not the address of a server.
    """
    parts = urlsplit(constants.ENDPOINT)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ModelError(
            f"HF_ENDPOINT is {constants.ENDPOINT!r}, which is not an address of a server: unset it, or write "
            "https://HOST or http://HOST:PORT."
        )


def not_here(address: object) -> str:
    """Explains why a model that is not in the cache cannot be fetched.

    Args:
        address: The model.

    Returns:
        One sentence with a remedy.
    """
    reason = (
        "HF_HUB_OFFLINE is set"
        if constants.HF_HUB_OFFLINE
        else f"the Hub, {constants.ENDPOINT}, cannot be reached"
    )
    return (
        f"{address} is not in the cache and {reason}: run `derain weights pull {address}` where there is "
        f"a network, then bring the folder {constants.HF_HUB_CACHE} here or point HF_HUB_CACHE to it."
    )


def explain(error: Exception, address: object) -> str:
    """Explains why a request for a model failed.

    Args:
        error: One of HUB_ERRORS.
        address: The model.

    Returns:
        One sentence with a remedy.
    """
    where = f"{address} on {constants.ENDPOINT}"
    status = status_of(error)
    if isinstance(error, GatedRepoError):
        return f"{where} is gated: accept its terms in a browser, then set HF_TOKEN or run `hf auth login`."
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"{where} does not exist or is private: check the name, or set HF_TOKEN or run `hf auth login`."
        )
    if isinstance(error, RevisionNotFoundError):
        return f"{where} has no such revision: choose another branch, tag or commit."
    if status in (401, 403):
        return f"{where} needs a token with this permission: set HF_TOKEN or run `hf auth login`."
    if status is not None and status != 404:
        return f"{where} is not available now (the server answers {status}): try again later."
    if isinstance(error, LocalEntryNotFoundError):
        return not_here(address)
    if isinstance(error, EntryNotFoundError):
        return (
            f"{where} holds no {WEIGHTS_FILE}, and other formats are not loaded: "
            "convert a published checkpoint with `derain weights import`."
        )
    return f"{where} failed ({_first_line(error)}): try again."


def explain_push(error: Exception, address: object, *, created: bool) -> str:
    """Explains why a push failed.

    Args:
        error: One of HUB_ERRORS.
        address: The repository.
        created: Whether the repository already existed or had been created when the error occurred.

    Returns:
        One sentence with a remedy.
    """
    if not created and no_answer(error):
        return f"The Hub, {constants.ENDPOINT}, cannot be reached: push where there is a network."
    if status_of(error) in (400, 404, 409):
        return (
            f"{constants.ENDPOINT} does not accept {address} ({_first_line(error)}): check the "
            "repository's name and HF_ENDPOINT."
        )
    if created and status_of(error) is None:
        return (
            f"The upload to {address} broke off ({_first_line(error)}). Nothing is published, but a new "
            "repository may be there without files: push again to fill it."
        )
    return explain(error, address)


@contextmanager
def quiet_library() -> Iterator[None]:
    """Silences the log of huggingface_hub within the block, because its errors also arrive as exceptions.

    Yields:
        Nothing.
    """
    with quiet_log("huggingface_hub", logging.CRITICAL):
        yield


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0].rstrip(". ")
