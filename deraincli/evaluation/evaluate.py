"""Scores models and existing results picture by picture, with or without ground truth.

    methods = [RainyInput(), ModelMethod("balnet-lite", derainer, identity)]
    for outcome in evaluate(pairs, methods, AgainstTruth(protocols_named("prenet"), max_pixels=…)):
        outcome is Scored or Failed

Threads decode, encode and score pictures. The network runs in a thread of its own and does not wait for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from deraincli.datasets.pairs import Pair, digest
from deraincli.errors import InputError
from deraincli.evaluation import metrics
from deraincli.evaluation.methods import Method
from deraincli.evaluation.metrics import Score
from deraincli.evaluation.score_pairs import score_pair
from deraincli.evaluation.workspace import Workspace
from deraincli.files.text_hash import text_sha256
from deraincli.runtime.parallel import FILE_WORKERS, ordered_map, usable_cpus

S = TypeVar("S")
"""What is found out about one restored picture. A JSON value can express it."""
Scores = Mapping[str, Score]
"""PSNR and SSIM by the name of the protocol."""


class Judge(Protocol[S]):
    """A way to score restored pictures."""

    @property
    def identity(self) -> str:
        """A text for everything, apart from the pictures, that determines the scores."""

    def scores(self, pair: Pair, methods: Sequence[Method]) -> dict[str, S]:
        """Restores a pair's rainy picture by every method and scores the results.

        Args:
            pair: The pair.
            methods: The methods.

        Returns:
            The scores by the name of the method.

        Raises:
            InputError: The pair cannot be read or scored, or a method has no result for it.
        """

    def read(self, recorded: Any) -> S:
        """Reads the scores of one method from their JSON value.

        Args:
            recorded: The value.

        Raises:
            KeyError, TypeError or ValueError: The value is damaged.
        """


@dataclass(frozen=True)
class Scored(Generic[S]):
    """The scores of a pair."""

    pair: Pair
    """The pair."""
    scores: Mapping[str, S]
    """Scores by the name of the method."""


@dataclass(frozen=True)
class Failed:
    """A pair that could not be scored for every method."""

    pair: Pair
    """The pair."""
    reason: str
    """One sentence."""


class AgainstTruth:
    """Judges by PSNR and SSIM against the ground truth."""

    def __init__(self, protocols: Sequence[metrics.Protocol], *, max_pixels: int) -> None:
        """Sets up a judge.

        Args:
            protocols: The protocols to score under.
            max_pixels: Largest number of pixels of a picture.
        """
        self._protocols = protocols
        self._max_pixels = max_pixels

    @property
    def identity(self) -> str:
        """Names of the protocols."""
        return "\n".join(protocol.name for protocol in self._protocols)

    def scores(self, pair: Pair, methods: Sequence[Method]) -> dict[str, Scores]:
        """Scores all methods on one pair under every protocol."""
        restorers = {method.name: partial(method.restored, pair) for method in methods}
        return dict(score_pair(pair, restorers, self._protocols, max_pixels=self._max_pixels))

    def read(self, recorded: Any) -> Scores:
        """Reads the scores of one method under every protocol."""
        return {p.name: Score(*map(float, recorded[p.name])) for p in self._protocols}


def evaluate(
    pairs: Sequence[Pair], methods: Sequence[Method], judge: Judge[S], *, workspace: Workspace | None = None
) -> Iterator[Scored[S] | Failed]:
    """Scores every method on every pair.

    A pair that fails for one method fails for all methods, so that all means are over the same pictures. Only
    an InputError makes a pair fail. Errors of the device or the disk end the evaluation.

    Args:
        pairs: The pairs.
        methods: The methods.
        judge: How pictures are scored.
        workspace: Holds scores of an earlier run, which are not computed again, and receives new ones. None
            keeps nothing.

    Returns:
        An iterator over the outcomes in the order of the pairs.
    """
    examine = partial(_examine, methods=methods, judge=judge, workspace=workspace)
    return ordered_map(examine, pairs, workers=min(FILE_WORKERS, max(2, usable_cpus())))


def _examine(
    pair: Pair, *, methods: Sequence[Method], judge: Judge[S], workspace: Workspace | None
) -> Scored[S] | Failed:
    try:
        if workspace is None:
            return Scored(pair, judge.scores(pair, methods))
        key = _key(pair, methods, judge.identity)
        scores = _read(workspace.recorded(key), methods, judge)
        if scores is None or not all(method.keeps(pair) for method in methods):
            scores = judge.scores(pair, methods)
            workspace.record(key, scores)
        return Scored(pair, scores)
    except InputError as error:
        return Failed(pair, str(error))


def _key(pair: Pair, methods: Sequence[Method], judge: str) -> str:
    parts = [digest(pair), *(f"{method.name}={method.identity(pair)}" for method in methods), judge]
    return text_sha256("\n".join(parts))


def _read(recorded: Any, methods: Sequence[Method], judge: Judge[S]) -> dict[str, S] | None:
    """Reads the scores in the record of a pair. Returns None if there is no record or it is damaged."""
    try:
        return {method.name: judge.read(recorded[method.name]) for method in methods}
    except (KeyError, TypeError, ValueError):
        return None
