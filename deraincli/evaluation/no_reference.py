"""Judges restored photos without ground truth: how much changed, and two measures of quality.

The measures alone would mislead, so every table and record has the change beside them, and WARNING.
"""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from deraincli.datasets.pairs import Pair, read_rainy
from deraincli.errors import InputError
from deraincli.evaluation.evaluate import Failed, Scored
from deraincli.evaluation.methods import Method, RainyInput
from deraincli.evaluation.quality import QualityMeasures
from deraincli.imaging.colour import as_rgb
from deraincli.inference.change import measure_change, percent
from deraincli.reporting.markdown import markdown_table

WARNING = (
    "BRISQUE and CLIP-IQA do not know rain from scene, and they can reward smoothing: a result that lost "
    "detail can score better. Read them beside the change, and judge the photos by eye "
    "(`derain compare --blind`)."
)
COLUMNS = ("model", "mean change", "changed pixels", "BRISQUE ↓", "± std", "CLIP-IQA ↑", "± std", "images")


class Impression(NamedTuple):
    """What is known about one restored photo without its ground truth."""

    mean_change: float
    """Mean absolute change over all pixels and channels, 0–1."""
    changed_share: float
    """Share of the pixels that changed visibly, 0–1."""
    brisque: float
    """BRISQUE, lower is better."""
    clip_iqa: float
    """CLIP-IQA, 0–1, higher is better."""


class WithoutTruth:
    """Judges restored photos by their change and by both measures."""

    def __init__(self, measures: QualityMeasures, *, max_pixels: int) -> None:
        """Sets up a judge.

        Args:
            measures: The measures.
            max_pixels: Largest number of pixels of a photo.
        """
        self._measures = measures
        self._max_pixels = max_pixels

    @property
    def identity(self) -> str:
        """Name of the judge and of the library that measures."""
        return f"without truth, {self._measures.version}"

    def scores(self, pair: Pair, methods: Sequence[Method]) -> dict[str, Impression]:
        """Measures the results of all methods for one photo."""
        rainy = read_rainy(pair, max_pixels=self._max_pixels)
        found = {}
        for method in methods:
            restored = method.restored(pair, rainy)
            if restored.shape[:2] != rainy.shape[:2]:
                raise InputError(
                    f"The result of '{method.name}' has another size than the photo: restore it."
                )
            change = measure_change(as_rgb(rainy), as_rgb(restored))
            found[method.name] = Impression(change.mean, change.share, *self._measures(restored))
        return found

    def read(self, recorded: Any) -> Impression:
        """Reads the impression of one method."""
        return Impression(*map(float, recorded))


@dataclass(frozen=True)
class Impressions:
    """What is known about the results of every method for a folder of photos."""

    dataset: str
    """The folder as the user named it."""
    fingerprint: str
    """Fingerprint of all photos, also of those that failed."""
    by_method: Mapping[str, Mapping[str, Impression]]
    """Impressions by the name of the method and of the photo. The rainy input comes first."""
    failed: tuple[Failed, ...] = ()
    """Photos without impressions."""

    @property
    def names(self) -> list[str]:
        """Names of the photos that have impressions."""
        return list(self.by_method[RainyInput.name])

    def rows(self) -> list[tuple[str, ...]]:
        """Returns the cells of the table under COLUMNS."""
        return [_row(method, list(photos.values())) for method, photos in self.by_method.items()]

    def markdown(self) -> str:
        """Returns the table as Markdown between a line that names the folder and the warning."""
        table = markdown_table(COLUMNS, self.rows())
        return f"{self.dataset} (fingerprint `{self.fingerprint}`)\n\n{table}\n{WARNING}\n"

    def objects(self) -> list[dict[str, Any]]:
        """Returns a dict for JSON for each method apart from the input."""
        inputs = _means(list(self.by_method[RainyInput.name].values()))
        return [
            {
                "model": method,
                "dataset": self.dataset,
                "fingerprint": self.fingerprint,
                "count": len(photos),
                **_means(list(photos.values()))._asdict(),
                "input_brisque": inputs.brisque,
                "input_clip_iqa": inputs.clip_iqa,
                "warning": WARNING,
                "failed": [{"name": failure.pair.name, "error": failure.reason} for failure in self.failed],
                "images": [{"name": name, **impression._asdict()} for name, impression in photos.items()],
            }
            for method, photos in self.by_method.items()
            if method != RainyInput.name
        ]

    def csv(self) -> str:
        """Returns CSV with a line for each photo and method, also the input."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("dataset", "fingerprint", "model", "name", *Impression._fields))
        for method, photos in self.by_method.items():
            for name, impression in photos.items():
                writer.writerow((self.dataset, self.fingerprint, method, name, *impression))
        return text.getvalue()


def collect_impressions(
    dataset: str, fingerprint: str, scored: Sequence[Scored[Impression]], failed: Sequence[Failed]
) -> Impressions:
    """Collects what was found out about a folder of photos.

    Args:
        dataset: The folder as the user named it.
        fingerprint: Fingerprint of all photos.
        scored: At least one photo with impressions of RainyInput and of every method.
        failed: Photos without impressions.
    """
    methods = scored[0].scores
    by_method = {method: {one.pair.name: one.scores[method] for one in scored} for method in methods}
    return Impressions(dataset, fingerprint, by_method, tuple(failed))


def cells(impression: Impression) -> tuple[str, str, str]:
    """Returns the share of changed pixels, BRISQUE and CLIP-IQA of one photo as text."""
    return percent(impression.changed_share), f"{impression.brisque:.1f}", f"{impression.clip_iqa:.3f}"


def _means(impressions: Sequence[Impression]) -> Impression:
    return Impression(*map(statistics.fmean, zip(*impressions, strict=True)))


def _row(method: str, impressions: Sequence[Impression]) -> tuple[str, ...]:
    mean = _means(impressions)
    share, brisque, clip_iqa = cells(mean)
    return (
        method,
        f"{mean.mean_change:.4f}",
        share,
        brisque,
        f"{statistics.pstdev(one.brisque for one in impressions):.1f}",
        clip_iqa,
        f"{statistics.pstdev(one.clip_iqa for one in impressions):.3f}",
        str(len(impressions)),
    )
