"""Models on the Hugging Face Hub: fetched into its cache, checked, listed and removed.

The files are those that `huggingface_hub.PyTorchModelHubMixin` writes: config.json, model.safetensors and
README.md. The mixin itself is not used: it loads loosely, prints, and falls back to a pickle.
HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_TOKEN and HF_ENDPOINT are honoured, as the library does.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import constants, hf_hub_download, scan_cache_dir, try_to_load_from_cache
from huggingface_hub.errors import (
    CacheNotFound,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from deraincli.errors import ModelError
from deraincli.header import CONFIG_FILE, WEIGHTS_FILE, sha256

CARD_FILE = "README.md"
PREFIX = "hf:"
ADDRESS = re.compile(r"hf:(?P<repository>[\w.-]+/[\w.-]+?)(@(?P<revision>[\w./-]+))?", re.ASCII)
SHA256 = re.compile(r"[0-9a-f]{64}")
ATTEMPTS = 3
PAUSE = 1.0
"""Seconds before the second attempt; twice that before the third."""
HUB_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    EntryNotFoundError,
    ValueError,  # an answer that makes no sense, such as a commit that is no hash
    *HfHubHTTPError.__bases__,  # type: ignore[assignment]
)
"""What a request can raise; the last stands for the HTTP library that this huggingface_hub is built on."""


class HubAddress(NamedTuple):
    """A model on the Hub."""

    repository: str
    """OWNER/NAME."""
    revision: str | None = None
    """A branch, tag or commit; None for the main branch."""

    def __str__(self) -> str:
        return f"{PREFIX}{self.repository}" + (f"@{self.revision}" if self.revision else "")

    @property
    def name(self) -> str:
        """The repository's name without its owner."""
        return self.repository.split("/")[1]

    def file(self, name: str) -> Path:
        """One file of the repository, downloaded if the cache does not hold it."""
        return Path(hf_hub_download(self.repository, name, revision=self.revision, library_name="deraincli"))


def parse_address(text: str) -> HubAddress:
    """`hf:OWNER/NAME` or `hf:OWNER/NAME@REVISION`. Raises ModelError for anything else."""
    match = ADDRESS.fullmatch(text)
    if match is None or ".." in text or "--" in match["repository"]:
        raise ModelError(f"{text!r} is no address on the Hub: write hf:OWNER/NAME or hf:OWNER/NAME@REVISION.")
    return HubAddress(match["repository"], match["revision"])


def fetch(address: HubAddress, *, expected_sha256: str | None = None, card: bool = False) -> Path:
    """The model file of a repository, from the cache or downloaded, its config beside it.

    Its hash must be `expected_sha256`, or without it the one that the Hub told. `card` fetches the model
    card, too. Raises ModelError, with what to do next.
    """
    weights = _download(address, WEIGHTS_FILE)
    _check_hash(weights, expected_sha256, address)
    # The snapshot's commit: what belongs to these weights, even if the branch moves on meanwhile.
    same_commit = address._replace(revision=weights.parent.name)
    for name in (CONFIG_FILE, CARD_FILE) if card else (CONFIG_FILE,):
        _fetch_optional(same_commit, name)
    return weights


def cached_models() -> Iterator[tuple[HubAddress, Path]]:
    """Every revision in the cache that has a model.safetensors, ours or not."""
    with suppress(CacheNotFound):
        for repository in sorted(scan_cache_dir().repos, key=lambda found: found.repo_id):
            for revision in repository.revisions:
                for file in revision.files:
                    if file.file_name == WEIGHTS_FILE and repository.repo_type == "model":
                        known_as = None if "main" in revision.refs else min(revision.refs, default=None)
                        pinned = None if "main" in revision.refs else known_as or revision.commit_hash
                        yield HubAddress(repository.repo_id, pinned), file.file_path


def remove(address: HubAddress) -> int:
    """Takes a repository, or one revision of it, out of the cache; returns the bytes freed.

    Raises ModelError if the cache does not hold it.
    """
    with suppress(CacheNotFound):
        cache = scan_cache_dir()
        commits = [
            revision.commit_hash
            for repository in cache.repos
            for revision in repository.revisions
            if repository.repo_id == address.repository and repository.repo_type == "model"
            if address.revision in (None, revision.commit_hash, *revision.refs)
        ]
        if commits:
            deletion = cache.delete_revisions(*commits)
            deletion.execute()
            return deletion.expected_freed_size
    raise ModelError(f"{address} is not in the cache: `derain weights list` shows what is.")


def _download(address: HubAddress, name: str) -> Path:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return address.file(name)
        except HUB_ERRORS as error:
            if not _may_pass(error) or attempt == ATTEMPTS:
                raise ModelError(explain(error, address)) from error
            time.sleep(PAUSE * attempt)
    raise AssertionError("the last attempt returns or raises")


def _may_pass(error: Exception) -> bool:
    """Whether asking again may help: a server in trouble, or a download that broke off (which resumes)."""
    status = _status(error)
    if status is not None:
        return status >= 500
    return not isinstance(error, EntryNotFoundError | ValueError)


def _fetch_optional(address: HubAddress, name: str) -> None:
    """Fetches a file that a model can do without, and asks only once whether there is one."""
    if try_to_load_from_cache(address.repository, name, revision=address.revision) is None:
        with suppress(*HUB_ERRORS):
            address.file(name)


def _status(error: BaseException | None) -> int | None:
    """The HTTP status behind an error, if a server answered at all."""
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        return error.response.status_code
    return _status(error.__cause__) if error is not None else None


def _check_hash(weights: Path, expected: str | None, address: HubAddress) -> None:
    """The cache names a large file after the sha256 that the Hub told of it."""
    blob = weights.resolve()
    told = blob.name if SHA256.fullmatch(blob.name) else None
    wanted = expected or told
    if wanted is not None and sha256(weights) != wanted:
        blob.unlink()
        weights.unlink(missing_ok=True)
        raise ModelError(
            f"The file of {address} is not the one of sha256 {wanted[:12]}… and was removed from the cache: "
            f"fetch it again with `derain weights pull {address}`."
        )


def explain(error: Exception, address: HubAddress) -> str:
    """One sentence on what went wrong with a request, and what to do."""
    where = f"{address} on {constants.ENDPOINT}"
    status = _status(error)
    if isinstance(error, GatedRepoError):
        return f"{where} is gated: accept its terms in a browser, then set HF_TOKEN or run `hf auth login`."
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"{where} does not exist or is private: check the name, or set HF_TOKEN or run `hf auth login`."
        )
    if isinstance(error, RevisionNotFoundError):
        return f"{where} has no such revision: choose another branch, tag or commit."
    if status in (401, 403):
        return f"{where} wants a token that may do this: set HF_TOKEN or run `hf auth login`."
    if status is not None and status != 404:
        return f"{where} cannot be had now, the server answers {status}: try again later."
    if isinstance(error, LocalEntryNotFoundError):
        reason = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else "the Hub cannot be reached"
        return (
            f"{address} is not in the cache and {reason}: run `derain weights pull {address}` where there is "
            f"a network, then bring the folder {constants.HF_HUB_CACHE} here or point HF_HUB_CACHE to it."
        )
    if isinstance(error, EntryNotFoundError):
        return (
            f"{where} holds no {WEIGHTS_FILE}, and other formats are not loaded: "
            "convert a published checkpoint with `derain weights import`."
        )
    first_line = str(error).split("\n")[0].rstrip(". ")
    return f"{where} failed ({first_line}): try again."
