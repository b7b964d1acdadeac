"""What a model reaches on a paired set, for its card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from deraincli.datasets.pairs import Pair, read_pair
from deraincli.evaluation.metrics import PROTOCOLS, Score, mean_psnr, score
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.imaging.image import Pixels


def measure(restore: Callable[[Pixels], Pixels], pairs: Sequence[Pair]) -> dict[str, Score]:
    """Restores every pair's rainy picture and scores it. Returns protocol → mean PSNR (dB) and SSIM."""
    results: dict[str, list[Score]] = {name: [] for name in PROTOCOLS}
    for pair in pairs:
        rainy, clean = read_pair(pair, max_pixels=DEFAULT_MAX_PIXELS)
        restored = restore(rainy)
        for name, protocol in PROTOCOLS.items():
            results[name].append(score(restored, clean, protocol))
    return {
        name: Score(mean_psnr(row.psnr for row in rows), fmean(row.ssim for row in rows))
        for name, rows in results.items()
    }
