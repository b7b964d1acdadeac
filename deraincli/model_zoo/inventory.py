"""Lists and describes models: those that ship, those in the Hub's cache, and files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from deraincli.errors import ModelError
from deraincli.model_zoo.catalogue import AUTO_MODEL, SHIPPED
from deraincli.model_zoo.model_facts import DamagedModel, ModelFacts
from deraincli.model_zoo.resolve import ModelFile, ResolvedModel, automatic_model, resolve_model
from deraincli.models.header import CARD_FILE, WEIGHTS_FILE, read_header
from deraincli.runtime.installation import is_installed


def describe_model(found: ResolvedModel) -> ModelFacts:
    """Describes a model.

    Args:
        found: The model. Its card is read if it lies beside its file.

    Returns:
        The facts about it. Those of the automatic model are those of its first member, and of each member.

    Raises:
        ModelError: It is damaged.
    """
    members = tuple(map(_facts, found.files))
    if len(members) == 1:
        return members[0]
    names = " or ".join(member.name for member in members)
    return replace(
        members[0],
        name=found.name,
        task="auto",
        provenance=f"Chooses {names}, or both in turn, for each picture.",
        members=members,
    )


def _facts(file: ModelFile) -> ModelFacts:
    """Describes the model of one file."""
    if file.entry is None:
        return _described(file, "cached" if file.given.startswith("hf:") else "file")
    return replace(
        _described(file, "shipped"),
        licence=file.entry.licence,
        provenance=file.entry.provenance,
        scores=file.entry.scores,
        datasets=file.entry.datasets,
    )


def list_models() -> Iterator[ModelFacts | DamagedModel]:
    """Describes every model of the catalogue, then every model of deraincli in the Hub's cache.

    Yields:
        The facts about a model, or the reason why it cannot be used.
    """
    shipped = {name: _found(name) for name in SHIPPED}
    members = [shipped[name] for name in AUTO_MODEL.members.values()]
    for found in (_automatic(members), *shipped.values()):
        yield found if isinstance(found, DamagedModel) else describe_model(found)
    if not is_installed("huggingface_hub"):
        return
    from deraincli.model_zoo.hub import cached_models

    for address, path in cached_models():
        with suppress(ModelError):  # other programs share the cache, so most models in it are not ours
            yield _described(ModelFile(str(address), str(address), path), "cached")


def _found(name: str) -> ResolvedModel | DamagedModel:
    try:
        return resolve_model(name)
    except ModelError as error:
        return DamagedModel(name, str(error))


def _automatic(members: Sequence[ResolvedModel | DamagedModel]) -> ResolvedModel | DamagedModel:
    """Returns the automatic model, which is damaged if one of its members is."""
    for member in members:
        if isinstance(member, DamagedModel):
            return replace(member, name=AUTO_MODEL.name)
    return automatic_model(member for member in members if isinstance(member, ResolvedModel))


def _described(file: ModelFile, origin: str) -> ModelFacts:
    path = file.path
    header = read_header(path)
    facts = ModelFacts(
        name=file.given,
        origin=origin,
        network=header.network,
        task=header.task,
        parameters=header.parameters,
        sha256=file.sha256,
        file=path,
        licence=None,
        provenance=None,
        scores=(),
        datasets=(),
    )
    card = path.with_name(CARD_FILE)
    if path.name != WEIGHTS_FILE or not card.is_file() or not is_installed("huggingface_hub"):
        return facts
    from deraincli.model_zoo.model_card import read_card

    return replace(facts, **read_card(card)._asdict())
