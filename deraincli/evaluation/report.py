"""HTML page of an evaluation: scores, a histogram of PSNR, and every picture beside its ground truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

from deraincli.datasets.pairs import Pair, read_pair, read_rainy
from deraincli.evaluation.comparison import TRUTH
from deraincli.evaluation.evaluate import Failed
from deraincli.evaluation.methods import Method, ModelMethod, PrecomputedResults, RainyInput
from deraincli.evaluation.no_reference import COLUMNS as IMPRESSION_COLUMNS
from deraincli.evaluation.no_reference import WARNING, Impressions, cells
from deraincli.evaluation.results import COLUMNS, EvaluationResults, MethodScores
from deraincli.inference.change import percent
from deraincli.pixels import Pixels
from deraincli.reporting.html_page import Comparison, Histogram, Table, render


def evaluation_report(
    results: EvaluationResults,
    pairs: Sequence[Pair],
    methods: Sequence[Method],
    facts: Sequence[str],
    *,
    max_pixels: int,
) -> str:
    """Makes the page, with the pictures sorted by the first model's PSNR under the first protocol.

    The picture with the lowest PSNR comes first.

    Args:
        results: The scores.
        pairs: All pairs, also those that failed.
        methods: The methods of the results, except for the input. Their pictures are read again. Those of a
            ModelMethod are read from its folder.
        facts: Short statements under the title, after fingerprint and protocol.
        max_pixels: Largest number of pixels to decode.

    Returns:
        The page.
    """
    first = results.models[0]
    shown = [summary for summary in results.summaries if summary.protocol == first.protocol]
    scored, failures = _without_failed(pairs, results.failed, "pairs")
    by_name = {pair.name: pair for pair in scored}
    kept = [_kept(method, scored, max_pixels) for method in methods]
    cells = {
        images[0].name: [cell for image in images for cell in (_decibel(image.psnr), f"{image.ssim:.4f}")]
        for images in zip(*(summary.images for summary in shown), strict=True)
    }
    return render(
        f"Evaluation on {results.dataset}",
        [f"fingerprint {results.fingerprint}", f"pictures by protocol {first.protocol}", *facts, *failures],
        tables=[Table("Scores", COLUMNS, results.rows())],
        histogram=_histogram(shown),
        listed=[f"{summary.model} {metric}" for summary in shown for metric in ("PSNR", "SSIM")],
        comparisons=[
            Comparison(
                image.name,
                f"{first.model} {_decibel(image.psnr)} dB",
                cells[image.name],
                partial(_states, by_name[image.name], kept, max_pixels),
            )
            for image in first.worst(len(first.images))
        ],
        truth=TRUTH,
    )


def no_reference_report(
    results: Impressions,
    photos: Sequence[Pair],
    methods: Sequence[Method],
    facts: Sequence[str],
    *,
    max_pixels: int,
) -> str:
    """Makes the page of photos without ground truth, in their own order.

    Args:
        results: The impressions.
        photos: All photos, also those that failed.
        methods: The methods of the results, except for the input. Their pictures are read again. Those of a
            ModelMethod are read from its folder.
        facts: Short statements under the title, after fingerprint and warning.
        max_pixels: Largest number of pixels to decode.

    Returns:
        The page.
    """
    shown, failures = _without_failed(photos, results.failed, "photos")
    kept = [_kept(method, shown, max_pixels) for method in methods]
    rated = {
        name: [impressions[name] for impressions in results.by_method.values()] for name in results.names
    }
    return render(
        f"{results.dataset} without ground truth",
        [f"fingerprint {results.fingerprint}", WARNING, *facts, *failures],
        tables=[Table("Change and measures of quality", IMPRESSION_COLUMNS, results.rows())],
        listed=[
            f"{name} {what}" for name in results.by_method for what in ("changed", "BRISQUE", "CLIP-IQA")
        ],
        comparisons=[
            Comparison(
                photo.name,
                f"{methods[0].name} changed {percent(rated[photo.name][1].changed_share)} of the pixels",
                [cell for impression in rated[photo.name] for cell in cells(impression)],
                partial(_photo_states, photo, kept, max_pixels),
            )
            for photo in shown
        ],
    )


def _without_failed(
    pairs: Sequence[Pair], failed: Sequence[Failed], what: str
) -> tuple[list[Pair], list[str]]:
    """Returns the pairs that have scores, and a statement on the others if there are any."""
    without = {outcome.pair for outcome in failed}
    said = [f"{len(without)} of {len(pairs)} {what} failed"] if without else []
    return [pair for pair in pairs if pair not in without], said


def _kept(method: Method, pairs: Sequence[Pair], max_pixels: int) -> Method:
    """Replaces a model by the results in its folder, so that nothing is restored again."""
    if isinstance(method, ModelMethod) and method.folder is not None:
        return PrecomputedResults(method.name, method.folder, pairs, max_pixels=max_pixels)
    return method


def _views(pair: Pair, rainy: Pixels, methods: Sequence[Method]) -> dict[str, Pixels]:
    return {RainyInput.name: rainy} | {method.name: method.restored(pair, rainy) for method in methods}


def _photo_states(photo: Pair, methods: Sequence[Method], max_pixels: int) -> Mapping[str, Pixels]:
    return _views(photo, read_rainy(photo, max_pixels=max_pixels), methods)


def _states(pair: Pair, methods: Sequence[Method], max_pixels: int) -> Mapping[str, Pixels]:
    rainy, clean = read_pair(pair, max_pixels=max_pixels)
    return {**_views(pair, rainy, methods), TRUTH: clean}


def _histogram(summaries: Sequence[MethodScores]) -> Histogram | None:
    series = {
        summary.model: [image.psnr for image in summary.images if math.isfinite(image.psnr)]
        for summary in summaries
    }
    return Histogram("PSNR of the pictures", "dB", series) if any(series.values()) else None


def _decibel(psnr: float) -> str:
    return f"{psnr:.2f}" if math.isfinite(psnr) else "∞"
