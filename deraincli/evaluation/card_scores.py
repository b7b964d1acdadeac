"""What a model reaches on a paired set, for its card."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

from deraincli.datasets.pairs import find_pairs, read_pair
from deraincli.evaluation.metrics import PROTOCOLS, score
from deraincli.evaluation.results import INFINITE_PSNR
from deraincli.model_zoo.catalogue import Score
from deraincli.restoration.derainer import load
from deraincli.restoration.restore_file import DEFAULT_MAX_PIXELS


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
