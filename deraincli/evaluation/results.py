"""The scores of an evaluation as means, tables, JSON objects and CSV.

A PSNR beyond 100 dB (equal pictures) counts as 100 dB in means. Where a format cannot say it, it is null.
"""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from deraincli.evaluation.evaluate import Failed, Scored
from deraincli.evaluation.methods import RainyInput
from deraincli.evaluation.metrics import Score, capped_psnr, mean_score
from deraincli.reporting.markdown import markdown_table

COLUMNS = ("model", "protocol", "PSNR", "± std", "min", "SSIM", "± std", "min", "images")


class ImageScore(NamedTuple):
    """One picture's scores."""

    name: str
    psnr: float
    ssim: float


@dataclass(frozen=True)
class MethodScores:
    """One method under one protocol: its images, at least one, in the order they were asked for."""

    model: str
    protocol: str
    images: tuple[ImageScore, ...]

    @property
    def psnrs(self) -> list[float]:
        """PSNR of each image in dB, as it counts in means."""
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
        """The images of lowest PSNR, the lowest first."""
        return sorted(self.images, key=lambda image: image.psnr)[:count]


@dataclass(frozen=True)
class EvaluationResults:
    """Every method under every protocol on one set.

    dataset: how the user named it.
    fingerprint: of the pairs that were asked for, failed ones included.
    inputs: the rainy pictures' own summaries, one for each protocol.
    models: the other methods' summaries, protocol by protocol in the same order.
    failed: pairs without scores, in no summary.
    """

    dataset: str
    fingerprint: str
    inputs: tuple[MethodScores, ...]
    models: tuple[MethodScores, ...]
    failed: tuple[Failed, ...] = ()

    @property
    def summaries(self) -> list[MethodScores]:
        """Protocol by protocol, the input first."""
        return [
            summary
            for reference in self.inputs
            for summary in (reference, *(row for row in self.models if row.protocol == reference.protocol))
        ]

    def rows(self) -> list[tuple[str, ...]]:
        """The table's cells under COLUMNS."""
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
        """The table, ready to paste, under a line that names the set."""
        table = markdown_table(COLUMNS, self.rows())
        return f"{self.dataset} (fingerprint `{self.fingerprint}`)\n\n{table}"

    def objects(self) -> list[dict[str, Any]]:
        """One JSON-ready object for each model and protocol."""
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
        """One line for each image, model (the input included) and protocol."""
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
    scored: Sequence[Scored],
    failed: Sequence[Failed],
) -> EvaluationResults:
    """The board of an evaluation that scored at least one pair, for RainyInput and the named methods."""

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
    """Mean, standard deviation (of these images, not an estimate for others) and minimum."""
    figures = statistics.fmean(values), statistics.pstdev(values), min(values)
    mean, deviation, least = (format(figure, places) for figure in figures)
    return mean, deviation, least


def _finite(psnr: float) -> float | None:
    return psnr if math.isfinite(psnr) else None
