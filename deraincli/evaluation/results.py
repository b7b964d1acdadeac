"""The scores of an evaluation as means, tables, JSON objects and CSV.

A PSNR above 100 dB, such as that of equal pictures, counts as 100 dB in means. JSON cannot express an
infinite PSNR and has null instead.
"""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from deraincli.evaluation.evaluate import Failed, Scored, Scores
from deraincli.evaluation.methods import RainyInput
from deraincli.evaluation.metrics import Score, capped_psnr, mean_score
from deraincli.reporting.markdown import markdown_table

COLUMNS = ("model", "protocol", "PSNR", "± std", "min", "SSIM", "± std", "min", "images")


class ImageScore(NamedTuple):
    """Scores of one picture."""

    name: str
    """Name of the pair."""
    psnr: float
    """PSNR in dB, infinite for equal pictures."""
    ssim: float
    """SSIM, at most 1."""


@dataclass(frozen=True)
class MethodScores:
    """Scores of one method under one protocol."""

    model: str
    """Name of the method."""
    protocol: str
    """Name of the protocol."""
    images: tuple[ImageScore, ...]
    """Scores of at least one picture, in the order of the pairs."""

    @property
    def psnrs(self) -> list[float]:
        """PSNR of each image in dB, limited to LARGEST_PSNR."""
        return [capped_psnr(image.psnr) for image in self.images]

    @property
    def ssims(self) -> list[float]:
        """SSIM of each image."""
        return [image.ssim for image in self.images]

    @property
    def mean(self) -> Score:
        """Mean PSNR and mean SSIM."""
        return mean_score(Score(image.psnr, image.ssim) for image in self.images)

    def worst(self, count: int) -> list[ImageScore]:
        """Returns the images with the lowest PSNR.

        Args:
            count: Largest number of images.

        Returns:
            The images, the lowest PSNR first.
        """
        return sorted(self.images, key=lambda image: image.psnr)[:count]


@dataclass(frozen=True)
class EvaluationResults:
    """Scores of every method under every protocol on one set."""

    dataset: str
    """The set as the user named it."""
    fingerprint: str
    """Fingerprint of all requested pairs, also of those that failed."""
    inputs: tuple[MethodScores, ...]
    """Scores of the rainy pictures, one entry for each protocol."""
    models: tuple[MethodScores, ...]
    """Scores of the other methods, under the same protocols in the same order."""
    failed: tuple[Failed, ...] = ()
    """Pairs without scores."""

    @property
    def summaries(self) -> list[MethodScores]:
        """All scores, protocol by protocol, the input first."""
        return [
            summary
            for reference in self.inputs
            for summary in (reference, *(row for row in self.models if row.protocol == reference.protocol))
        ]

    def rows(self) -> list[tuple[str, ...]]:
        """Returns the cells of the table under COLUMNS."""
        return [
            (
                summary.model,
                summary.protocol,
                *_spread(summary.psnrs, ".2f"),
                *_spread(summary.ssims, ".4f"),
                str(len(summary.images)),
            )
            for summary in self.summaries
        ]

    def markdown(self) -> str:
        """Returns the table as Markdown under a line that names the set."""
        table = markdown_table(COLUMNS, self.rows())
        return f"{self.dataset} (fingerprint `{self.fingerprint}`)\n\n{table}"

    def objects(self) -> list[dict[str, Any]]:
        """Returns a dict for JSON for each model and protocol."""
        inputs = {summary.protocol: summary.mean for summary in self.inputs}
        return [
            {
                "model": summary.model,
                "protocol": summary.protocol,
                "dataset": self.dataset,
                "fingerprint": self.fingerprint,
                "count": len(summary.images),
                "psnr": summary.mean.psnr,
                "ssim": summary.mean.ssim,
                "input_psnr": inputs[summary.protocol].psnr,
                "input_ssim": inputs[summary.protocol].ssim,
                "failed": [{"name": pair.pair.name, "error": pair.reason} for pair in self.failed],
                "images": [image._asdict() | {"psnr": _finite(image.psnr)} for image in summary.images],
            }
            for summary in self.models
        ]

    def csv(self) -> str:
        """Returns CSV with a line for each image, method (also the input) and protocol."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("dataset", "fingerprint", "model", "protocol", "name", "psnr", "ssim"))
        for summary in self.summaries:
            writer.writerows(
                (self.dataset, self.fingerprint, summary.model, summary.protocol, *image)
                for image in summary.images
            )
        return text.getvalue()


def collect(
    dataset: str,
    fingerprint: str,
    models: Sequence[str],
    protocols: Sequence[str],
    scored: Sequence[Scored[Scores]],
    failed: Sequence[Failed],
) -> EvaluationResults:
    """Collects the scores of an evaluation.

    Args:
        dataset: The set as the user named it.
        fingerprint: Fingerprint of all requested pairs.
        models: Names of the methods apart from RainyInput.
        protocols: Names of the protocols.
        scored: At least one pair with scores of RainyInput and of every method.
        failed: Pairs without scores.

    Returns:
        The results.
    """

    def summary(method: str, protocol: str) -> MethodScores:
        images = (ImageScore(pair.pair.name, *pair.scores[method][protocol]) for pair in scored)
        return MethodScores(method, protocol, tuple(images))

    return EvaluationResults(
        dataset,
        fingerprint,
        inputs=tuple(summary(RainyInput.name, protocol) for protocol in protocols),
        models=tuple(summary(model, protocol) for model in models for protocol in protocols),
        failed=tuple(failed),
    )


def _spread(values: Sequence[float], places: str) -> tuple[str, str, str]:
    """Formats mean, standard deviation (of these images, not an estimate) and minimum."""
    figures = statistics.fmean(values), statistics.pstdev(values), min(values)
    mean, deviation, least = (format(figure, places) for figure in figures)
    return mean, deviation, least


def _finite(psnr: float) -> float | None:
    return psnr if math.isfinite(psnr) else None
