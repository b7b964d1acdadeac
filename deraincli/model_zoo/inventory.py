"""The models at hand and what is known of each: shipped, in the Hub's cache, or any file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from deraincli.errors import ModelError
from deraincli.model_zoo import hub
from deraincli.model_zoo.catalogue import AUTO_MODEL, DEFAULTS, SHIPPED
from deraincli.model_zoo.model_card import CardContents, read_card
from deraincli.model_zoo.model_facts import DamagedModel, ModelFacts
from deraincli.model_zoo.resolve import find_model
from deraincli.models.header import WEIGHTS_FILE, read_header, sha256


def describe_model(model: str) -> ModelFacts:
    """What is known of a model given as to `-m`; one of the Hub is fetched first. Raises ModelError."""
    if model == AUTO_MODEL:
        return _either_rain()
    if model in SHIPPED:
        return _shipped(model)
    if model.startswith(hub.PREFIX):
        return _described(model, "cached", hub.fetch(hub.parse_address(model), card=True))
    return _described(model, "file", find_model(model)[1])


def list_models() -> Iterator[ModelFacts | DamagedModel]:
    """Every model of the catalogue, then every model of ours in the Hub's cache."""
    for name in (AUTO_MODEL, *SHIPPED):
        try:
            yield describe_model(name)
        except ModelError as error:
            yield DamagedModel(name, str(error))
    for address, path in hub.cached_models():
        with suppress(ModelError):  # the cache is everybody's: most of what it holds is not ours
            yield _described(str(address), "cached", path)


def _either_rain() -> ModelFacts:
    streak, drop = DEFAULTS["streak"], DEFAULTS["drop"]
    find_model(drop)  # which complains of a damaged file
    choice = f"Chooses {streak} or {drop} for each picture; what stands here is that of {streak}."
    return replace(_shipped(streak), name=AUTO_MODEL, task="auto", provenance=choice)


def _shipped(name: str) -> ModelFacts:
    entry = SHIPPED[name]
    described = _described(name, "shipped", find_model(name)[1])
    return replace(described, licence=entry.licence, provenance=entry.provenance, scores=entry.scores)


def _described(name: str, origin: str, path: Path) -> ModelFacts:
    header = read_header(path)
    card = path.with_name(hub.CARD_FILE)
    contents = read_card(card) if path.name == WEIGHTS_FILE and card.is_file() else CardContents(None, ())
    return ModelFacts(
        name=name,
        origin=origin,
        network=header.network,
        task=header.task,
        parameters=header.parameters,
        sha256=sha256(path),
        file=path,
        licence=contents.licence,
        provenance=contents.provenance,
        scores=contents.scores,
    )
