"""Models on the Hugging Face Hub: fetched into its cache, checked, listed and removed.

The files are those that `huggingface_hub.PyTorchModelHubMixin` writes: config.json, model.safetensors and
README.md. The mixin itself is not used: it loads loosely, prints, and falls back to a pickle.
HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_TOKEN and HF_ENDPOINT are honoured, as the library does.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import (
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    scan_cache_dir,
    try_to_load_from_cache,
)
from huggingface_hub.errors import CacheNotFound, EntryNotFoundError, HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]
from safetensors import SafetensorError, safe_open

from deraincli.errors import ModelError
from deraincli.model_zoo.hub_errors import (
    HUB_ERRORS,
    check_endpoint,
    explain,
    no_answer,
    not_here,
    quiet_library,
    status_of,
)
from deraincli.models.header import CONFIG_FILE, WEIGHTS_FILE, sha256

CARD_FILE = "README.md"
LICENCE_FILE = "LICENSE.md"
"""Holds the terms where the licence has no identifier on the Hub."""
MAX_TEXT = 1_000_000
"""Bytes of a config, card or licence; larger ones are left where they are."""
PREFIX = "hf:"
ADDRESS = re.compile(r"hf:(?P<repository>[\w.-]+/[\w.-]+?)(@(?P<revision>[\w./-]+))?", re.ASCII)
SHA256 = re.compile(r"[0-9a-f]{64}")
ATTEMPTS = 3
PAUSE = 1.0
"""Seconds before the second attempt; twice that before the third."""

STEP = 256 * 1024
"""Bytes by which the library's progress bar, and what it keeps of a broken download, move."""
LIBRARY_STEP = constants.DOWNLOAD_CHUNK_SIZE
"""The library's own step, 10 MiB, which other code in the process gets back after each download."""


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
        with quiet_library(), _small_steps():
            return Path(
                hf_hub_download(self.repository, name, revision=self.revision, library_name="deraincli")
            )

    def size(self, name: str) -> int | None:
        """Bytes of one file as the Hub reports them, asked for once.

        Raises ModelError if the Hub cannot be reached, for which huggingface_hub itself would try half a
        minute.
        """
        url = hf_hub_url(self.repository, name, revision=self.revision)
        try:
            return get_hf_file_metadata(url, library_name="deraincli").size
        except HUB_ERRORS as error:
            if no_answer(error):
                raise ModelError(not_here(self)) from error
            raise

    def cached(self, name: str) -> object:
        """The path of one file in the cache; None if nothing is known of it, else that there is none."""
        return try_to_load_from_cache(self.repository, name, revision=self.revision)


def parse_address(text: str) -> HubAddress:
    """`hf:OWNER/NAME` or `hf:OWNER/NAME@REVISION`. Raises ModelError for anything else."""
    match = ADDRESS.fullmatch(text)
    try:
        if match is None or ".." in text:
            raise HFValidationError
        validate_repo_id(match["repository"])
    except HFValidationError:
        raise ModelError(
            f"{text!r} is no address on the Hub: write hf:OWNER/NAME or hf:OWNER/NAME@REVISION."
        ) from None
    return HubAddress(match["repository"], match["revision"])


def fetch(address: HubAddress, *, expected_sha256: str | None = None, card: bool = False) -> Path:
    """The model file of a repository, from the cache or downloaded, its config beside it.

    Its hash must be `expected_sha256`, or without it the one that the Hub reported, and it must be
    safetensors. `card` fetches the model card and the licence's terms, too.
    Raises ModelError, with what to do next.
    """
    weights = _download(address, WEIGHTS_FILE)
    _check_hash(weights, expected_sha256, address)
    _check_kind(weights, address)
    # The snapshot's commit: what belongs to these weights, even if the branch moves on meanwhile.
    same_commit = address._replace(revision=weights.parent.name)
    for name in (CONFIG_FILE, CARD_FILE, LICENCE_FILE) if card else (CONFIG_FILE,):
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


def blob_sha256(weights: Path) -> str | None:
    """The sha256 that the Hub reported of a file in its cache, which names large files after it, or None."""
    name = weights.resolve().name
    return name if SHA256.fullmatch(name) else None


@contextmanager
def _small_steps() -> Iterator[None]:
    """Has the library download in steps of STEP for the time of a block. It takes no argument for it."""
    constants.DOWNLOAD_CHUNK_SIZE = STEP
    try:
        yield
    finally:
        constants.DOWNLOAD_CHUNK_SIZE = LIBRARY_STEP


def _download(address: HubAddress, name: str) -> Path:
    check_endpoint()
    must_ask = not (constants.HF_HUB_OFFLINE or isinstance(address.cached(name), str))
    for attempt in range(1, ATTEMPTS + 1):
        try:
            if must_ask:
                address.size(name)
            return address.file(name)
        except HUB_ERRORS as error:
            if not _may_pass(error) or attempt == ATTEMPTS:
                raise ModelError(explain(error, address)) from error
            time.sleep(PAUSE * attempt)
    raise AssertionError("the last attempt returns or raises")


def _may_pass(error: Exception) -> bool:
    """Whether asking again may help: a server in trouble, or a download that broke off (which resumes)."""
    status = status_of(error)
    if status is not None:
        return status >= 500
    return not isinstance(error, EntryNotFoundError | ValueError)


def _fetch_optional(address: HubAddress, name: str) -> None:
    """Fetches a small file that a model can do without, and asks only once whether there is one."""
    if address.cached(name) is None:
        with suppress(ModelError, *HUB_ERRORS):
            if constants.HF_HUB_OFFLINE or not _too_large(address, name):
                address.file(name)


def _too_large(address: HubAddress, name: str) -> bool:
    try:
        return (address.size(name) or 0) > MAX_TEXT
    except EntryNotFoundError:
        return False  # the library keeps in mind that there is none, but only when it asks itself


def _check_hash(weights: Path, expected: str | None, address: HubAddress) -> None:
    wanted = expected or blob_sha256(weights)
    if wanted is not None and sha256(weights) != wanted:
        _discard(weights)
        raise ModelError(
            f"The file of {address} is not the one of sha256 {wanted[:12]}… and was removed from the cache: "
            f"fetch it again with `derain weights pull {address}`."
        )


def _check_kind(weights: Path, address: HubAddress) -> None:
    """What is published under the name of safetensors may be a pickle: it does not stay."""
    try:
        with safe_open(weights, "numpy"):
            pass
    except SafetensorError:
        _discard(weights)
        raise ModelError(
            f"The {WEIGHTS_FILE} of {address} is no safetensors file, so it was removed from the cache "
            "unread: choose another model, or convert a published checkpoint with `derain weights import`."
        ) from None


def _discard(weights: Path) -> None:
    weights.resolve().unlink()
    weights.unlink(missing_ok=True)
