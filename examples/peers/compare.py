"""Quality against latency at equal training.

DDN, PReNet, JORDER and balnet-lite are trained for the same CPU time on the same data, scored on the same
images, and timed in turn.

    OMP_NUM_THREADS=1 python examples/peers/compare.py PAIRS --minutes 20 -o runs/peers

PAIRS is a paired folder in any layout that `derain eval` recognises. The CPU time of a step is measured
first, and each network then makes as many steps as fit, so that other work on the machine delays the
comparison and does not change it. An interrupted comparison continues where it stopped.
Writes OUT/compare.md and OUT/compare.png.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

import deraincli
from deraincli.benchmark.timing import time_in_turn
from deraincli.benchmark.workloads import ForwardPass
from deraincli.datasets.pairs import find_pairs
from deraincli.evaluation.evaluate import AgainstTruth, Scored, evaluate
from deraincli.evaluation.methods import Method, ModelMethod, RainyInput
from deraincli.evaluation.metrics import Score, protocols_named
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.inference.backends.torch_backend import TorchBackend
from deraincli.inference.backends.torch_device import choose_precision
from deraincli.models.checkpoint import load_model
from deraincli.training.config import load_config
from deraincli.training.distributed import ProcessGroup
from deraincli.training.loop import Progress, Run
from deraincli.training.step import train_step

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
    steps: int
    """Of training."""
    latency: float
    """Milliseconds, median."""
    quality: Score


def open_run(recipe: str, folder: Path, steps: int) -> Run:
    """A run of so many steps, new or to be continued."""
    config = load_config(RECIPES / f"{recipe}.toml", (f"optimiser.steps={steps}",))
    return Run(config, RECIPES, folder, ProcessGroup(), resume=(folder / "state.pt").exists())


def affordable_steps(minutes: float, out: Path) -> dict[str, int]:
    """Measures the number of steps of each recipe that fit into the minutes of CPU time.

    The result is kept in a file, so that a resumed comparison uses the same numbers.
    """
    kept = out / f"steps-{minutes:g}.json"
    if not kept.exists():
        runs = {recipe: open_run(recipe, out / "timing" / recipe, 1) for recipe in NAMES}
        counts = {recipe: int(60 * minutes / cpu_seconds_of_a_step(run)) for recipe, run in runs.items()}
        kept.write_text(json.dumps(counts))
    return json.loads(kept.read_text())


def cpu_seconds_of_a_step(run: Run) -> float:
    """The median, the making of the batch included."""
    seconds = []
    for number in range(ROUNDS):
        start = time.process_time()
        train_step(run.state, *run.data[number], run.config)
        seconds.append(time.process_time() - start)
    return median(seconds)


def train(recipe: str, steps: int, folder: Path) -> Path:
    """The model file of a run of so many steps."""
    model = folder / "best.safetensors"
    if model.exists():
        print(f"{recipe}: {model} is there already")
        return model

    def report(progress: Progress) -> None:
        if progress.validation is not None:
            print(
                f"{recipe}: {progress.step} steps, validation {progress.validation.psnr:.2f} dB", flush=True
            )

    open_run(recipe, folder, steps).train(report)
    return model


def score(models: dict[str, Path], pairs: Path, precision: str) -> dict[str, Score]:
    """Mean PSNR and SSIM by name, the rainy input's first."""
    restorers = {
        name: deraincli.load(str(file), device="cpu", precision=precision) for name, file in models.items()
    }
    methods: list[Method] = [
        RainyInput(),
        *(ModelMethod(name, each, name) for name, each in restorers.items()),
    ]
    judge = AgainstTruth(protocols_named(PROTOCOL), max_pixels=DEFAULT_MAX_PIXELS)
    found: dict[str, list[Score]] = {method.name: [] for method in methods}
    for outcome in evaluate(find_pairs(pairs).pairs, methods, judge):
        if not isinstance(outcome, Scored):
            raise SystemExit(outcome.reason)
        for name, scores in outcome.scores.items():
            found[name].append(scores[PROTOCOL])
    return {
        name: Score(fmean(s.psnr for s in scores), fmean(s.ssim for s in scores))
        for name, scores in found.items()
    }


def latencies(models: dict[str, Path], precision: str) -> dict[str, float]:
    """Median milliseconds at SIDE×SIDE by name, timed in turn."""
    passes = {
        name: ForwardPass(TorchBackend(load_model(file)[0], device="cpu", precision=precision), SIDE, 1)
        for name, file in models.items()
    }
    timings = time_in_turn(list(passes.values()), rounds=ROUNDS)
    return {name: 1000 * timings[forward].median for name, forward in passes.items()}


def table(rows: Sequence[Row], rainy: Score, minutes: float, precision: str) -> str:
    """The comparison in Markdown, the best first."""
    fastest = min(row.latency for row in rows)
    lines = [
        f"{minutes:g} minutes of CPU time for training each, same data; protocol `{PROTOCOL}`; "
        f"{SIDE}×{SIDE}, {precision}, {torch.get_num_threads()} thread(s), median of {ROUNDS} runs in turn.",
        "",
        "| network | parameters | steps | latency, ms | × fastest | PSNR, dB | SSIM |",
        "|---|---|---|---|---|---|---|",
        f"| rainy input | | | | | {rainy.psnr:.2f} | {rainy.ssim:.4f} |",
    ]
    for row in sorted(rows, key=lambda row: -row.quality.psnr):
        lines.append(
            f"| {row.name} | {row.parameters:,} | {row.steps:,} | {row.latency:.0f} | "
            f"{row.latency / fastest:.1f} | {row.quality.psnr:.2f} | {row.quality.ssim:.4f} |"
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
    for row in rows:
        ours = row.name == "balnet-lite"
        axes.scatter(row.latency, row.quality.psnr, s=60, color="tab:orange" if ours else "tab:blue")
        axes.annotate(
            row.name,
            (row.latency, row.quality.psnr),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            weight="bold" if ours else "normal",
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    axes.margins(x=0.25, y=0.15)
    axes.set_xlabel(f"latency at {SIDE}×{SIDE}, ms (log)")
    axes.set_ylabel("PSNR, dB")
    axes.set_title(f"after {minutes:g} minutes of CPU time for training each")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pairs", type=Path, help="the paired folder to score on")
    parser.add_argument("--minutes", type=float, default=20, help="of CPU time for each network")
    parser.add_argument("--precision", default="auto", help="of all of them: auto, fp32 or bf16")
    parser.add_argument("-o", "--out", type=Path, default=Path("runs/peers"))
    asked = parser.parse_args()

    precision = choose_precision(asked.precision, torch.device("cpu"))
    asked.out.mkdir(parents=True, exist_ok=True)
    steps = affordable_steps(asked.minutes, asked.out)
    models = {name: train(recipe, steps[recipe], asked.out / recipe) for recipe, name in NAMES.items()}
    scores = score(models, asked.pairs, precision)
    taken = latencies(models, precision)
    rows = [
        Row(
            name,
            sum(p.numel() for p in load_model(file)[0].parameters()),
            steps[recipe],
            taken[name],
            scores[name],
        )
        for (recipe, name), file in zip(NAMES.items(), models.values(), strict=True)
    ]
    text = table(rows, scores[RainyInput.name], asked.minutes, precision)
    (asked.out / "compare.md").write_text(text)
    chart(rows, scores[RainyInput.name], asked.minutes).savefig(asked.out / "compare.png", dpi=150)
    print(text)


if __name__ == "__main__":
    main()
