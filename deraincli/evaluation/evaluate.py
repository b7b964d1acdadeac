"""Scores models and ready results on a paired set, picture by picture.

    methods = [RainyInput(), Model("balnet-lite", restore, identity)]
    for outcome in evaluate(pairs, methods, protocols_named("prenet"), max_pixels=…):
        outcome is Scored or Failed

Pictures are decoded, encoded and scored in threads while the network, in a thread of its own, goes on with
the next ones, so that it is the bottleneck.
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
from deraincli.parallel import ordered_map, usable_cpus


@dataclass(frozen=True)
class Scored:
    """A pair's scores, as scores[method][protocol]."""

    pair: Pair
    scores: Mapping[str, Mapping[str, Score]]


@dataclass(frozen=True)
class Failed:
    """A pair that could not be scored for every method, and one sentence on why."""

    pair: Pair
    reason: str


def evaluate(
    pairs: Sequence[Pair],
    methods: Sequence[Method],
    protocols: Sequence[Protocol],
    *,
    max_pixels: int,
    workspace: Workspace | None = None,
) -> Iterator[Scored | Failed]:
    """Score every method on every pair, in the pairs' order.

    A pair that fails for one method fails for all, so that their means are over the same pictures. Pairs in
    the workspace are not computed again, new ones are added. Only InputError becomes Failed: a device or a
    disk that gives up ends the evaluation.
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
    """The scores in a pair's record; None if there is none or it is damaged."""
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
