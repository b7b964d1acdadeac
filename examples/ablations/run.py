"""Trains the document's ablations at one small budget each and prints our table beside its figures.

    python examples/ablations/run.py --minutes 15 --seeds 2

Needs deraincli, and the photos and pairs that the recipes beside this script name. Nothing else should run on
the machine meanwhile, or the budgets are not equal. Stopped, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

HERE = Path(__file__).parent
DATASET = HERE / "../../../shared/data/valid/rain100l_20"


@dataclass(frozen=True)
class Ablation:
    """A recipe and what the document found on Rain100L (PSNR in dB, SSIM)."""

    recipe: str
    title: str
    table: str
    psnr: float
    ssim: float


ABLATIONS = (
    Ablation("bi", "bi-attention (proposed)", "1, 2, 5", 37.12, 0.9758),
    Ablation("ram", "AM = RAM, its opposite as the other map", "1", 36.75, 0.9592),
    Ablation("cam", "AM = BAM, its opposite as the other map", "1", 36.81, 0.9603),
    Ablation("no-se", "no SE", "2", 36.93, 0.9705),
    Ablation("pix2pix", "Pix2Pix restorer", "5", 33.98, 0.8964),
)


@dataclass(frozen=True)
class Outcome:
    """One training run: steps made, and the scores of its last averaged weights."""

    steps: int
    psnr: float
    ssim: float


def main() -> None:
    options = parse()
    outcomes = {
        ablation.recipe: [outcome(ablation.recipe, seed, options) for seed in range(options.seeds)]
        for ablation in ABLATIONS
    }
    print(table(outcomes))
    print()
    print(remarks(options))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, help="training time of each run")
    budget.add_argument("--steps", type=int, help="training steps of each run, instead of a time")
    parser.add_argument("--seeds", type=int, default=2, help="runs of each recipe")
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"), help="folder of the runs")
    parser.add_argument("--dataset", type=Path, default=DATASET, help="pairs that the results are scored on")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--set", action="append", default=[], help="as for derain train, in every run")
    return parser.parse_args()


def outcome(recipe: str, seed: int, options: argparse.Namespace) -> Outcome:
    """Trains, or goes on with, one run and scores what came out of it."""
    folder = options.out / f"{recipe}-{seed}"
    command = ["train", HERE / f"{recipe}.toml", "--out", folder, "--resume", "--device", options.device]
    command += ["--set", f"seed={seed}"]
    if options.minutes is not None:
        # More steps than there is time for, so that time alone ends a run.
        command += ["--max-minutes", options.minutes, "--set", "optimiser.steps=10000000"]
    else:
        command += ["--set", f"optimiser.steps={options.steps}"]
    for setting in options.set:
        command += ["--set", setting]
    trained = derain(*command)
    model = folder / "last.safetensors"
    scored = derain("eval", options.dataset, "-m", model, "--device", options.device, "--protocol", "prenet")
    return Outcome(trained["step"], scored["psnr"], scored["ssim"])


def derain(*arguments: object) -> dict[str, object]:
    """The JSON object that a command of deraincli prints last."""
    command = [sys.executable, "-m", "deraincli", *map(str, arguments), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return json.loads(done.stdout.splitlines()[-1])


def table(outcomes: dict[str, list[Outcome]]) -> str:
    """Markdown, with every seed's PSNR, as a mean of two hides how far apart they are."""
    reference = fmean(outcome.psnr for outcome in outcomes["bi"])
    rows = [
        "| setup | steps | PSNR by seed | PSNR | change | SSIM | response: table | PSNR | change | SSIM |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for ablation in ABLATIONS:
        runs = outcomes[ablation.recipe]
        psnr, ssim = fmean(run.psnr for run in runs), fmean(run.ssim for run in runs)
        cells = (
            ablation.title,
            f"{fmean(run.steps for run in runs):.0f}",
            ", ".join(f"{run.psnr:.2f}" for run in runs),
            f"{psnr:.2f}",
            f"{psnr - reference:+.2f}",
            f"{ssim:.4f}",
            ablation.table,
            f"{ablation.psnr:.2f}",
            f"{ablation.psnr - ABLATIONS[0].psnr:+.2f}",
            f"{ablation.ssim:.4f}",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def remarks(options: argparse.Namespace) -> str:
    """What the two halves of the table do and do not have in common."""
    budget = f"{options.minutes:g} minutes" if options.minutes is not None else f"{options.steps} steps"
    return (
        f"Ours: balnet-lite, {budget} a run, {options.seeds} seed(s), rain made on the fly over clean "
        f"photos, the last averaged weights scored on {options.dataset.name} by protocol prenet. The "
        "document: the full network, trained on Rain100L's own pairs for a time it does not give, its "
        "protocol unnamed. So the PSNR columns do not compare, only the signs of the changes might, and a "
        "change smaller than the distance between two seeds says nothing."
    )


if __name__ == "__main__":
    main()
