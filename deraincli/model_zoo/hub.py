"""Fetches models from the Hugging Face Hub into its cache, checks, lists and removes them.

The files are those that `huggingface_hub.PyTorchModelHubMixin` writes: config.json, model.safetensors and
README.md. The mixin itself is not used, because it loads loosely, prints, and falls back to a pickle.
The variables HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_TOKEN and HF_ENDPOINT work as in the library.
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

from deraincli.errors import ModelError, UsageError
from deraincli.model_zoo.hub_errors import (
    HUB_ERRORS,
    check_endpoint,
    explain,
    no_answer,
    not_here,
    quiet_library,
    status_of,
)
from deraincli.models.header import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, blob_sha256, sha256

ONNX_FILE = "model.onnx"
RAINY_FILE, RESTORED_FILE = "rainy.jpg", "restored.jpg"
"""The picture on a model card, before and after."""
LICENCE_FILE = "LICENSE.md"
"""File with the terms of a licence that has no identifier on the Hub."""
MAX_TEXT = 1_000_000
"""Largest size of a config, card or licence in bytes. Larger ones are not downloaded."""
PREFIX = "hf:"
ADDRESS = re.compile(r"hf:(?P<repository>[\w.-]+/[\w.-]+?)(@(?P<revision>[\w./-]+))?", re.ASCII)
ATTEMPTS = 3
PAUSE = 1.0
"""Seconds before the second attempt. The pause before the third is twice as long."""

STEP = 256 * 1024
"""Size of a chunk in bytes. The library updates its progress bar, and keeps the data of a download that
breaks off, chunk by chunk."""
LIBRARY_STEP = constants.DOWNLOAD_CHUNK_SIZE
"""The library's own size of a chunk, 10 MiB, which is restored after each download for other code."""


class HubAddress(NamedTuple):
    """Address of a model on the Hub."""

    repository: str
    """OWNER/NAME."""
    revision: str | None = None
    """A branch, tag or commit. None is the main branch."""

    def __str__(self) -> str:
        return f"{PREFIX}{self.repository}" + (f"@{self.revision}" if self.revision else "")

    @property
    def name(self) -> str:
        """Name of the repository without its owner."""
        return self.repository.split("/")[1]

    def file(self, name: str) -> Path:
        """Returns the path of a file in the cache. Downloads it first if need be.

        Args:
            name: Name of the file in the repository.

        Returns:
            The path.

        Raises:
            Exception: One of HUB_ERRORS, if the download fails.
        """
        with quiet_library(), _small_steps():
            return Path(
                hf_hub_download(self.repository, name, revision=self.revision, library_name="deraincli")
            )

    def size(self, name: str) -> int | None:
        """Asks the Hub once for the size of a file.

        Args:
            name: Name of the file in the repository.

        Returns:
            The size in bytes, None if the Hub does not report it.

        Raises:
            ModelError: The Hub cannot be reached. A download by huggingface_hub would try for half a minute.
            Exception: One of HUB_ERRORS, if the Hub refuses.
        """
        url = hf_hub_url(self.repository, name, revision=self.revision)
        try:
            return get_hf_file_metadata(url, library_name="deraincli").size
        except HUB_ERRORS as error:
            if no_answer(error):
                raise ModelError(not_here(self)) from error
            raise

    def cached(self, name: str) -> object:
        """Looks up a file in the cache without a request.

        Args:
            name: Name of the file in the repository.

        Returns:
            The path as a str. None if the cache knows nothing about the file. Another object if the cache
            knows that the repository has no such file.
        """
        return try_to_load_from_cache(self.repository, name, revision=self.revision)


def parse_address(text: str) -> HubAddress:
    """Parses an address on the Hub.

    Args:
        text: `hf:OWNER/NAME` or `hf:OWNER/NAME@REVISION`.

    Returns:
        The address.

    Raises:
        UsageError: The text is not such an address.
    """
    match = ADDRESS.fullmatch(text)
    try:
        if match is None or ".." in text:
            raise HFValidationError
        validate_repo_id(match["repository"])
    except HFValidationError:
        raise UsageError(
            f"{text!r} is not an address on the Hub: write hf:OWNER/NAME or hf:OWNER/NAME@REVISION."
        ) from None
    return HubAddress(match["repository"], match["revision"])


def fetch(address: HubAddress, *, expected_sha256: str | None = None, card: bool = False) -> tuple[Path, str]:
    """Fetches the model file of a repository and its config, from the cache or from the Hub.

    Args:
        address: The repository.
        expected_sha256: SHA-256 that the file must have. None takes the one that the Hub reported.
        card: Whether to fetch the model card and the terms of the licence, too.

    Returns:
        The model file, a safetensors file, in the cache, and its SHA-256. The other files lie beside it.

    Raises:
        ModelError: The file cannot be fetched, has another hash or is not a safetensors file.
    """
    weights = _download(address, WEIGHTS_FILE)
    digest = _checked_hash(weights, expected_sha256, address)
    _check_kind(weights, address)
    # The folder is named after the commit. Files of this commit fit the weights even if the branch has moved.
    same_commit = address._replace(revision=weights.parent.name)
    for name in (CONFIG_FILE, CARD_FILE, LICENCE_FILE) if card else (CONFIG_FILE,):
        _fetch_optional(same_commit, name)
    return weights, digest


def cached_models() -> Iterator[tuple[HubAddress, Path]]:
    """Finds every model.safetensors in the cache, also those of other libraries.

    Yields:
        The address of a revision and its model file.
    """
    with suppress(CacheNotFound):
        for repository in sorted(scan_cache_dir().repos, key=lambda found: found.repo_id):
            for revision in repository.revisions:
                for file in revision.files:
                    if file.file_name == WEIGHTS_FILE and repository.repo_type == "model":
                        known_as = None if "main" in revision.refs else min(revision.refs, default=None)
                        pinned = None if "main" in revision.refs else known_as or revision.commit_hash
                        yield HubAddress(repository.repo_id, pinned), file.file_path


def remove(address: HubAddress) -> int:
    """Removes a repository, or one revision of it, from the cache.

    Args:
        address: What to remove. Without a revision, all revisions are removed.

    Returns:
        The number of bytes freed.

    Raises:
        ModelError: It is not in the cache.
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


@contextmanager
def _small_steps() -> Iterator[None]:
    """Makes the library download in chunks of STEP bytes within the block. It has no argument for this."""
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
    """Returns whether another attempt may help: after a server's error or a download that broke off."""
    status = status_of(error)
    if status is not None:
        return status >= 500
    return not isinstance(error, EntryNotFoundError | ValueError)


def _fetch_optional(address: HubAddress, name: str) -> None:
    """Fetches a small file that a model does not need. The Hub is asked only once whether there is one."""
    if address.cached(name) is None:
        with suppress(ModelError, *HUB_ERRORS):
            if constants.HF_HUB_OFFLINE or not _too_large(address, name):
                address.file(name)


def _too_large(address: HubAddress, name: str) -> bool:
    try:
        return (address.size(name) or 0) > MAX_TEXT
    except EntryNotFoundError:
        return False  # let the library ask again, because only its own requests record a missing file


def _checked_hash(weights: Path, expected: str | None, address: HubAddress) -> str:
    """Returns the SHA-256 of a file. Removes the file if it has another one than it should."""
    wanted, digest = expected or blob_sha256(weights), sha256(weights)
    if wanted not in (None, digest):
        _discard(weights)
        raise ModelError(
            f"The file of {address} is not the one of sha256 {wanted[:12]}… and was removed from the cache: "
            f"fetch it again with `derain weights pull {address}`."
        )
    return digest


def _check_kind(weights: Path, address: HubAddress) -> None:
    """Removes a file that is not a safetensors file. A file with this name may be a pickle."""
    try:
        with safe_open(weights, "numpy"):
            pass
    except SafetensorError:
        _discard(weights)
        raise ModelError(
            f"The {WEIGHTS_FILE} of {address} is not a safetensors file, so it was removed from the cache "
            "unread: choose another model, or convert a published checkpoint with `derain weights import`."
        ) from None


def _discard(weights: Path) -> None:
    weights.resolve().unlink()
    weights.unlink(missing_ok=True)
