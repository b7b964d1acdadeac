"""What a model reaches on a paired set, for its card."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

from deraincli.catalogue import Score
from deraincli.data.pairs import find_pairs, read_pair
from deraincli.derainer import load
from deraincli.metrics import PROTOCOLS, score
from deraincli.pipeline import DEFAULT_MAX_PIXELS
from deraincli.scoreboard import INFINITE_PSNR


def measure(model: str, dataset: Path) -> list[Score]:
    """A model's mean PSNR and SSIM on a paired set by every protocol, whole set, full precision."""
    pairs = find_pairs(dataset).pairs
    derainer = load(model, precision="fp32", working_side="full")
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in PROTOCOLS}
    for pair in pairs:
        rainy, clean = read_pair(pair, max_pixels=DEFAULT_MAX_PIXELS)
        restored = derainer(rainy)
        for name, protocol in PROTOCOLS.items():
            found = score(restored, clean, protocol)
            results[name].append((min(found.psnr, INFINITE_PSNR), found.ssim))
    label = f"{dataset.resolve().name}, {len(pairs)} pairs"
    return [
        Score(
            label, name, round(fmean(psnr for psnr, _ in rows), 2), round(fmean(ssim for _, ssim in rows), 4)
        )
        for name, rows in results.items()
    ]
