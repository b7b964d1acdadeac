"""The HTML page of an evaluation: scores, how PSNR is distributed, and every picture beside its truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

from deraincli.datasets.pairs import Pair, read_pair
from deraincli.evaluation.methods import Entrant, Model, RainyInput, ReadyResults
from deraincli.evaluation.results import COLUMNS, Scoreboard, Summary
from deraincli.imaging.image import Pixels
from deraincli.reporting.html_page import Comparison, Histogram, Table, render

TRUTH = "ground truth"


def evaluation_report(
    board: Scoreboard,
    pairs: Sequence[Pair],
    entrants: Sequence[Entrant],
    facts: Sequence[str],
    *,
    max_pixels: int,
) -> str:
    """The page as HTML, its pictures ordered by the first model's PSNR under the first protocol, worst first.

    entrants: the board's models; their pictures are read again, a Model's from the folder it must have.
    facts: short statements under the title, after fingerprint and protocol.
    """
    first = board.models[0]
    shown = [summary for summary in board.summaries if summary.protocol == first.protocol]
    failed = {outcome.pair for outcome in board.failed}
    by_name = {pair.name: pair for pair in pairs if pair not in failed}
    kept = [_kept(entrant, list(by_name.values()), max_pixels) for entrant in entrants]
    if failed:
        facts = [*facts, f"{len(failed)} of {len(pairs)} pairs failed"]
    cells = {
        images[0].name: [cell for image in images for cell in (_decibel(image.psnr), f"{image.ssim:.4f}")]
        for images in zip(*(summary.images for summary in shown), strict=True)
    }
    return render(
        f"Evaluation on {board.dataset}",
        [f"fingerprint {board.fingerprint}", f"pictures by protocol {first.protocol}", *facts],
        tables=[Table("Scores", COLUMNS, board.rows())],
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


def _kept(entrant: Entrant, pairs: Sequence[Pair], max_pixels: int) -> Entrant:
    """A model's results from its folder instead of the model."""
    if isinstance(entrant, Model) and entrant.folder is not None:
        return ReadyResults(entrant.name, entrant.folder, pairs, max_pixels=max_pixels)
    return entrant


def _states(pair: Pair, entrants: Sequence[Entrant], max_pixels: int) -> Mapping[str, Pixels]:
    rainy, clean = read_pair(pair, max_pixels=max_pixels)
    restored = {entrant.name: entrant.restored(pair, rainy) for entrant in entrants}
    return {RainyInput.name: rainy} | restored | {TRUTH: clean}


def _histogram(summaries: Sequence[Summary]) -> Histogram | None:
    series = {
        summary.model: [image.psnr for image in summary.images if math.isfinite(image.psnr)]
        for summary in summaries
    }
    return Histogram("PSNR of the pictures", "dB", series) if any(series.values()) else None


def _decibel(psnr: float) -> str:
    return f"{psnr:.2f}" if math.isfinite(psnr) else "∞"
