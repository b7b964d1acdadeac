"""Quality against latency at equal training: DDN, PReNet, JORDER and balnet-lite, each trained for the same
time on the same data, scored on the same pictures, timed in turn.

    python examples/peers/compare.py PAIRS --minutes 20 -o runs/peers

PAIRS is a paired folder in any layout that `derain eval` recognises. Models that are there already are not
trained again, so a broken-off comparison goes on where it stopped. Writes OUT/compare.md and OUT/compare.png.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

import deraincli
from deraincli.checkpoint import load_model
from deraincli.data.pairs import find_pairs
from deraincli.entrants import Entrant, Model, RainyInput
from deraincli.evaluation import Scored, evaluate
from deraincli.metrics import Score, protocols_named
from deraincli.pipeline import DEFAULT_MAX_PIXELS
from deraincli.training.config import load_config
from deraincli.training.distributed import Processes
from deraincli.training.loop import Progress, Run

RECIPES = Path(__file__).parent
NAMES = {"ddn": "DDN", "prenet": "PReNet", "jorder": "JORDER", "lite": "balnet-lite"}
"""Recipe → the name shown."""
PROTOCOL = "prenet"
SIDE = 320
ROUNDS = 11


@dataclass(frozen=True)
class Row:
    """What came out for one network."""

    name: str
    parameters: int
    latency: float
    """Milliseconds, median."""
    quality: Score


def train(recipe: str, minutes: float, folder: Path) -> Path:
    """The model file of a run of so many minutes, whose learning rate ends with the time."""
    model = folder / "best.safetensors"
    if model.exists():
        print(f"{recipe}: {model} is there already")
        return model
    config = load_config(RECIPES / f"{recipe}.toml", (f"max_minutes={minutes}", "optimiser.steps=1_000_000"))

    def report(progress: Progress) -> None:
        if progress.validation is not None:
            print(f"{recipe}: {progress.step} steps, validation {progress.validation.psnr:.2f} dB")

    Run(config, RECIPES, folder, Processes(), resume=(folder / "state.pt").exists()).train(report)
    return model


def score(models: dict[str, Path], pairs: Path) -> dict[str, Score]:
    """Mean PSNR and SSIM by name, the rainy input's first."""
    restorers = {name: deraincli.load(str(file), precision="fp32") for name, file in models.items()}
    entrants: list[Entrant] = [RainyInput(), *(Model(name, each, name) for name, each in restorers.items())]
    protocols = protocols_named(PROTOCOL)
    found: dict[str, list[Score]] = {entrant.name: [] for entrant in entrants}
    for outcome in evaluate(find_pairs(pairs).pairs, entrants, protocols, max_pixels=DEFAULT_MAX_PIXELS):
        if not isinstance(outcome, Scored):
            raise SystemExit(outcome.reason)
        for name, scores in outcome.scores.items():
            found[name].append(scores[PROTOCOL])
    return {
        name: Score(fmean(s.psnr for s in scores), fmean(s.ssim for s in scores))
        for name, scores in found.items()
    }


@torch.inference_mode()
def time_in_turn(networks: dict[str, torch.nn.Module]) -> dict[str, float]:
    """Median milliseconds at SIDE×SIDE in fp32; one run of each after the other, so that a machine that
    drifts does so for all."""
    picture = torch.rand(1, 3, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    taken: dict[str, list[float]] = {name: [] for name in networks}
    for turn in range(ROUNDS + 1):
        for name, network in networks.items():
            start = time.perf_counter()
            network(picture)
            if turn:  # the first round warms up
                taken[name].append(1000 * (time.perf_counter() - start))
    return {name: median(times) for name, times in taken.items()}


def table(rows: Sequence[Row], rainy: Score, minutes: float) -> str:
    """The comparison in Markdown, the best first."""
    fastest = min(row.latency for row in rows)
    lines = [
        f"{minutes:g} minutes of training each, same data; protocol `{PROTOCOL}`; {SIDE}×{SIDE}, fp32, "
        f"{torch.get_num_threads()} threads, median of {ROUNDS} runs in turn.",
        "",
        "| network | parameters | latency, ms | × fastest | PSNR, dB | SSIM |",
        "|---|---|---|---|---|---|",
        f"| rainy input | | | | {rainy.psnr:.2f} | {rainy.ssim:.4f} |",
    ]
    for row in sorted(rows, key=lambda row: -row.quality.psnr):
        lines.append(
            f"| {row.name} | {row.parameters:,} | {row.latency:.0f} | {row.latency / fastest:.1f} | "
            f"{row.quality.psnr:.2f} | {row.quality.ssim:.4f} |"
        )
    return "\n".join(lines) + "\n"


def chart(rows: Sequence[Row], rainy: Score, minutes: float) -> Figure:
    """PSNR against latency: the upper left is where one wants to be."""
    figure = Figure((6, 4), layout="constrained")
    axes = figure.subplots()
    axes.axhline(rainy.psnr, color="grey", linestyle=":", linewidth=1)
    axes.annotate(
        "rainy input", (0.99, rainy.psnr), xycoords=("axes fraction", "data"), ha="right", va="bottom"
    )
    for place, row in enumerate(sorted(rows, key=lambda row: row.latency)):
        ours = row.name == "balnet-lite"
        axes.scatter(row.latency, row.quality.psnr, s=60, color="tab:orange" if ours else "tab:blue")
        axes.annotate(
            row.name,
            (row.latency, row.quality.psnr),
            xytext=(0, -16 if place % 2 else 8),  # neighbours' names on either side
            textcoords="offset points",
            ha="center",
            weight="bold" if ours else "normal",
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    axes.margins(x=0.25, y=0.15)
    axes.set_xlabel(f"latency at {SIDE}×{SIDE}, ms (log)")
    axes.set_ylabel("PSNR, dB")
    axes.set_title(f"after {minutes:g} minutes of training each")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pairs", type=Path, help="the paired folder to score on")
    parser.add_argument("--minutes", type=float, default=20, help="of training for each network")
    parser.add_argument("-o", "--out", type=Path, default=Path("runs/peers"))
    asked = parser.parse_args()

    models = {name: train(recipe, asked.minutes, asked.out / recipe) for recipe, name in NAMES.items()}
    scores = score(models, asked.pairs)
    networks = {
        name: load_model(file)[0].to(memory_format=torch.channels_last) for name, file in models.items()
    }
    latencies = time_in_turn(networks)
    rows = [
        Row(name, sum(p.numel() for p in network.parameters()), latencies[name], scores[name])
        for name, network in networks.items()
    ]
    text = table(rows, scores[RainyInput.name], asked.minutes)
    (asked.out / "compare.md").write_text(text)
    chart(rows, scores[RainyInput.name], asked.minutes).savefig(asked.out / "compare.png", dpi=150)
    print(text)


if __name__ == "__main__":
    main()
