"""Publishes a model on the Hugging Face Hub."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping, Sequence

from huggingface_hub import CommitOperationAdd, HfApi, constants

from deraincli.errors import ModelError, UsageError
from deraincli.files.locations import weights_folder
from deraincli.model_zoo.catalogue import SHIPPED
from deraincli.model_zoo.hub import LICENCE_FILE, HubAddress
from deraincli.model_zoo.hub_errors import HUB_ERRORS, check_endpoint, explain_push, quiet_library
from deraincli.model_zoo.inventory import describe_model
from deraincli.model_zoo.model_card import has_identifier, write_card
from deraincli.model_zoo.model_facts import ReportedScore
from deraincli.model_zoo.resolve import ResolvedModel
from deraincli.models.header import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, read_header


def repository_files(
    found: ResolvedModel,
    address: HubAddress,
    *,
    licence: str | None = None,
    scores: Sequence[ReportedScore] = (),
    extras: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """Prepares the files of a model's repository.

    The weights are not converted, so that they keep their SHA-256.

    Args:
        found: The model, with its card if it is on the Hub.
        address: The repository.
        licence: Licence that replaces the known one. It must be None for a shipped model.
        scores: Scores to add to the known ones.
        extras: Content of optional files by name: ONNX_FILE, or RAINY_FILE with RESTORED_FILE. The card shows
            how to use them.

    Returns:
        The content of each file by its name: weights, config, card, the optional files, the list of photos of
        a shipped model that has one, and the terms of the licence if it has no identifier.

    Raises:
        ModelError: The model does not load, or a weight is not finite.
        UsageError: The model is the automatic one, or a licence is given for a shipped model.
    """
    if len(found.files) > 1:
        members = " and ".join(file.name for file in found.files)
        raise UsageError(f"{found.name} is two models: push {members} one by one.")
    known = describe_model(found)
    shipped = {entry.sha256: entry for entry in SHIPPED.values()}.get(known.sha256)
    if licence and shipped:
        raise UsageError(
            f"{known.name} ships under terms of its own (weights/README.md): leave --licence out."
        )
    from deraincli.models.checkpoint import load_model, refuse_not_finite

    path = known.file
    refuse_not_finite(load_model(path)[0], path)
    known = dataclasses.replace(known, licence=licence or known.licence, scores=(*known.scores, *scores))
    header = read_header(path)
    config = {"network": header.network, "task": header.task, "config": header.config}
    files = {
        WEIGHTS_FILE: path.read_bytes(),
        CONFIG_FILE: json.dumps(config, indent=2, sort_keys=True).encode() + b"\n",
        CARD_FILE: write_card(known, address, extras or ()).encode(),
        **(extras or {}),
    }
    if shipped and shipped.photos:
        files[shipped.photos] = (weights_folder() / shipped.photos).read_bytes()
    if known.licence and not has_identifier(known.licence):
        files[LICENCE_FILE] = f"# Terms of {address.name}\n\n{known.licence}\n".encode()
    return files


def push(address: HubAddress, files: dict[str, bytes], *, private: bool) -> str:
    """Commits files to a repository. Creates the repository if need be.

    Args:
        address: The repository.
        files: The content of each file by its name.
        private: Whether a new repository is private.

    Returns:
        The hash of the commit.

    Raises:
        ModelError: The Hub cannot be reached or refuses, for example because there is no token.
    """
    if constants.HF_HUB_OFFLINE:
        raise ModelError("HF_HUB_OFFLINE is set, so nothing can be sent: unset it, then push again.")
    check_endpoint()
    api = HfApi(library_name="deraincli")
    # The library sends streams by plain HTTP, which every Hub accepts. It would send bytes by Xet, which some
    # mirrors lack.
    operations = [CommitOperationAdd(name, io.BytesIO(content)) for name, content in files.items()]
    created = False
    try:
        with quiet_library():
            api.create_repo(address.repository, private=private, exist_ok=True)
            created = True
            commit = api.create_commit(
                address.repository,
                operations,
                commit_message="Model, config and card",
                revision=address.revision,
            )
    except HUB_ERRORS as error:
        raise ModelError(explain_push(error, address, created=created)) from error
    return commit.oid
