"""Scores models and existing results on a paired set, picture by picture.

    methods = [RainyInput(), ModelMethod("balnet-lite", derainer, identity)]
    for outcome in evaluate(pairs, methods, protocols_named("prenet"), max_pixels=…):
        outcome is Scored or Failed

Threads decode, encode and score pictures. The network runs in a thread of its own and does not wait for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from deraincli.datasets.pairs import Pair, digest
from deraincli.errors import InputError
from deraincli.evaluation.methods import Method
from deraincli.evaluation.metrics import Protocol, Score
from deraincli.evaluation.score_pairs import score_pair
from deraincli.evaluation.workspace import Workspace
from deraincli.runtime.parallel import ordered_map, usable_cpus


@dataclass(frozen=True)
class Scored:
    """The scores of a pair."""

    pair: Pair
    """The pair."""
    scores: Mapping[str, Mapping[str, Score]]
    """Scores as scores[method][protocol]."""


@dataclass(frozen=True)
class Failed:
    """A pair that could not be scored for every method."""

    pair: Pair
    """The pair."""
    reason: str
    """One sentence."""


def evaluate(
    pairs: Sequence[Pair],
    methods: Sequence[Method],
    protocols: Sequence[Protocol],
    *,
    max_pixels: int,
    workspace: Workspace | None = None,
) -> Iterator[Scored | Failed]:
    """Scores every method on every pair.

    A pair that fails for one method fails for all methods, so that all means are over the same pictures. Only
    an InputError makes a pair fail. Errors of the device or the disk end the evaluation.

    Args:
        pairs: The pairs.
        methods: The methods.
        protocols: The protocols.
        max_pixels: Largest number of pixels of a picture.
        workspace: Holds scores of an earlier run, which are not computed again, and receives new ones. None
            keeps nothing.

    Returns:
        An iterator over the outcomes in the order of the pairs.
    """
    examine = partial(
        _examine, methods=methods, protocols=protocols, max_pixels=max_pixels, workspace=workspace
    )
    workers = min(8, max(2, usable_cpus()))
    return ordered_map(examine, pairs, workers=workers, ahead=2 * workers)


def _examine(
    pair: Pair,
    *,
    methods: Sequence[Method],
    protocols: Sequence[Protocol],
    max_pixels: int,
    workspace: Workspace | None,
) -> Scored | Failed:
    try:
        if workspace is None:
            return Scored(pair, _scores(pair, methods, protocols, max_pixels))
        key = _key(pair, methods, protocols)
        scores = _as_scores(workspace.recorded(key), methods, protocols)
        if scores is None:
            scores = _scores(pair, methods, protocols, max_pixels)
            workspace.record(key, scores)
        return Scored(pair, scores)
    except InputError as error:
        return Failed(pair, str(error))


def _scores(
    pair: Pair, methods: Sequence[Method], protocols: Sequence[Protocol], max_pixels: int
) -> dict[str, dict[str, Score]]:
    restorers = {method.name: partial(method.restored, pair) for method in methods}
    return score_pair(pair, restorers, protocols, max_pixels=max_pixels)


def _key(pair: Pair, methods: Sequence[Method], protocols: Sequence[Protocol]) -> str:
    parts = [digest(pair), *(f"{method.name}={method.identity(pair)}" for method in methods)]
    parts += [protocol.name for protocol in protocols]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _as_scores(
    recorded: Any, methods: Sequence[Method], protocols: Sequence[Protocol]
) -> dict[str, dict[str, Score]] | None:
    """Reads the scores in the record of a pair. Returns None if there is no record or it is damaged."""
    try:
        return {
            method.name: {
                protocol.name: Score(*map(float, recorded[method.name][protocol.name]))
                for protocol in protocols
            }
            for method in methods
        }
    except (KeyError, TypeError, ValueError):
        return None
