"""What `derain eval` scores: pairs against their ground truth, or photos without one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from deraincli.cli.output import Output
from deraincli.errors import UsageError

if TYPE_CHECKING:
    from deraincli.datasets.pairs import Content, Pair
    from deraincli.evaluation.evaluate import Failed, Judge, Scored
    from deraincli.evaluation.methods import Method
    from deraincli.evaluation.no_reference import Impressions
    from deraincli.evaluation.results import EvaluationResults

WORST = 5
"""Number of images that are listed below the table."""


class Asked(NamedTuple):
    """What the command line asks for of a set."""

    dataset: Path
    """The folder."""
    layout: str | None
    """Name of the layout of a paired set. None to recognise it."""
    left: Content | None
    """Content of the left half of pictures that hold both halves."""
    limit: int | None
    """Largest number of pictures. None for all."""
    protocol: str | None
    """Name of the protocol, `all`, or None for that of the layout."""
    sort: Literal["name", "worst"]
    """Order of the pictures in the results."""


class PairTask:
    """Pairs, scored by PSNR and SSIM against their ground truth."""

    noun = "pairs"
    working_side = "full"

    def __init__(self, asked: Asked, out: Output) -> None:
        """Finds the pairs, and reports pictures without a partner.

        Args:
            asked: What the command line asks for.
            out: Receives what is printed.
        """
        from deraincli.datasets.pairs import find_pairs, fingerprint
        from deraincli.evaluation.metrics import protocols_named
        from deraincli.evaluation.results import COLUMNS

        found = find_pairs(asked.dataset, asked.layout, asked.left)
        if found.unpaired:
            names = ", ".join(str(path.relative_to(asked.dataset)) for path in found.unpaired)
            out.note(f"{len(found.unpaired)} pictures have no partner and are left out: {names}.")
        self.pairs = found.pairs[: asked.limit]
        self.fingerprint = fingerprint(self.pairs)
        self.columns = COLUMNS
        self.title = f"{asked.dataset} ({found.layout.name}), fingerprint {self.fingerprint}"
        self._dataset = str(asked.dataset)
        self._protocols = protocols_named(asked.protocol or found.layout.protocol)
        self._worst_first = asked.sort == "worst"

    def judge(self, max_pixels: int) -> Judge[Any]:
        """Returns how pictures are scored."""
        from deraincli.evaluation.evaluate import AgainstTruth

        return AgainstTruth(self._protocols, max_pixels=max_pixels)

    def collect(
        self, scored: Sequence[Scored[Any]], failed: Sequence[Failed], methods: Sequence[Method]
    ) -> EvaluationResults:
        """Collects all scores."""
        from deraincli.evaluation.results import collect

        protocols = [protocol.name for protocol in self._protocols]
        if self._worst_first:
            scored = sorted(scored, key=lambda pair: pair.scores[methods[0].name][protocols[0]].psnr)
        names = [method.name for method in methods]
        return collect(self._dataset, self.fingerprint, names, protocols, scored, failed)

    def remarks(self, results: EvaluationResults) -> list[str]:
        """Returns lines below the table, with the worst pictures of each model."""
        first = self._protocols[0].name
        return [
            f"Worst of {summary.model} under {first}: "
            + ", ".join(f"{image.name} {image.psnr:.2f}" for image in summary.worst(WORST))
            for summary in results.models
            if summary.protocol == first
        ]

    def page(
        self, results: EvaluationResults, methods: Sequence[Method], facts: Sequence[str], max_pixels: int
    ) -> str:
        """Makes the page of --report."""
        from deraincli.evaluation.report import evaluation_report

        return evaluation_report(results, self.pairs, methods, facts, max_pixels=max_pixels)


class PhotoTask:
    """Photos, judged by how much changed and by measures that need no ground truth."""

    noun = "photos"
    working_side = "auto"

    def __init__(self, asked: Asked, out: Output) -> None:
        """Finds the photos.

        Args:
            asked: What the command line asks for, without a protocol and sorted by name.
            out: Receives what is printed.

        Raises:
            UsageError: An option is given that needs the ground truth.
        """
        from deraincli.datasets.pairs import fingerprint
        from deraincli.datasets.photos import find_photos
        from deraincli.evaluation.no_reference import COLUMNS

        needing_truth = {"--protocol": asked.protocol is not None, "--sort worst": asked.sort == "worst"}
        for option, given in needing_truth.items():
            if given:
                raise UsageError(f"{option} needs the ground truth: leave out either it or --no-reference.")
        self.pairs: tuple[Pair, ...] = find_photos(asked.dataset, asked.layout, asked.left)[: asked.limit]
        self.fingerprint = fingerprint(self.pairs)
        self.columns = COLUMNS
        self.title = f"{asked.dataset}, fingerprint {self.fingerprint}"
        self._dataset = str(asked.dataset)
        self._out = out

    def judge(self, max_pixels: int) -> Judge[Any]:
        """Loads the measures. Raises ModelError if they cannot be had."""
        from deraincli.evaluation.no_reference import WithoutTruth
        from deraincli.evaluation.quality import QualityMeasures

        return WithoutTruth(QualityMeasures(self._out.note), max_pixels=max_pixels)

    def collect(
        self, scored: Sequence[Scored[Any]], failed: Sequence[Failed], methods: Sequence[Method]
    ) -> Impressions:
        """Collects everything that was found out, and notes what it cannot mean."""
        from deraincli.evaluation.no_reference import WARNING, collect_impressions

        self._out.note(WARNING)
        return collect_impressions(self._dataset, self.fingerprint, scored, failed)

    def remarks(self, results: Impressions) -> list[str]:
        """Returns no lines below the table."""
        return []

    def page(
        self, results: Impressions, methods: Sequence[Method], facts: Sequence[str], max_pixels: int
    ) -> str:
        """Makes the page of --report."""
        from deraincli.evaluation.report import no_reference_report

        return no_reference_report(results, self.pairs, methods, facts, max_pixels=max_pixels)
