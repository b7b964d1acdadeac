"""A model made ready for the Hugging Face Hub, and sent there."""

from __future__ import annotations

import dataclasses
import json

from huggingface_hub import CommitOperationAdd, HfApi

from deraincli.catalogue import Score, find_model
from deraincli.errors import ModelError
from deraincli.header import CONFIG_FILE, WEIGHTS_FILE, read_header
from deraincli.hub import CARD_FILE, HUB_ERRORS, HubAddress, explain
from deraincli.model_card import LICENCE_FILE, has_identifier, write_card
from deraincli.shelf import facts


def repository_files(
    model: str, address: HubAddress, *, licence: str | None = None, scores: list[Score] | None = None
) -> dict[str, bytes]:
    """What goes up for a model given as to `-m`: weights, config, card, and the licence's terms if any.

    The weights go as they are, so that their sha256 stays. `licence` and `scores` replace or add to what
    the catalogue says. Raises ModelError.
    """
    known = facts(model)
    known = dataclasses.replace(
        known, licence=licence or known.licence, scores=(*known.scores, *(scores or ()))
    )
    path = find_model(model)[1]
    header = read_header(path)
    config = {"network": header.network, "task": header.task, "config": header.config}
    files = {
        WEIGHTS_FILE: path.read_bytes(),
        CONFIG_FILE: json.dumps(config, indent=2, sort_keys=True).encode() + b"\n",
        CARD_FILE: write_card(known, address).encode(),
    }
    if known.licence and not has_identifier(known.licence):
        files[LICENCE_FILE] = f"# Terms of {address.name}\n\n{known.licence}\n".encode()
    return files


def push(address: HubAddress, files: dict[str, bytes], *, private: bool) -> str:
    """Creates the repository if need be and commits the files; returns the commit's hash.

    Raises ModelError if the Hub refuses, for want of a token for example.
    """
    api = HfApi(library_name="deraincli")
    operations = [CommitOperationAdd(name, content) for name, content in files.items()]
    try:
        api.create_repo(address.repository, private=private, exist_ok=True)
        commit = api.create_commit(
            address.repository,
            operations,
            commit_message="Model, config and card",
            revision=address.revision,
        )
    except HUB_ERRORS as error:
        raise ModelError(explain(error, address)) from error
    return commit.oid
