"""Trains the ablations of the authors' response at one budget each and prints our table beside their figures.

Four more recipes try to make two maps better than one (`variants.py`).

    python examples/ablations/run.py --rehearse  # two steps each on small data made here
    python examples/ablations/run.py --minutes 60 --seeds 3 --data DATA --frames
    python examples/ablations/run.py --minutes 60 --seeds 3 --data DATA --task drop
    python examples/ablations/run.py --steps 5000 --seeds 3 --data DATA  # equal steps, not equal time

DATA has the layout that `examples/training/reproduce.sh` describes. Nothing else should run on the machine
meanwhile, or the times are not equal. After an interruption, the same command continues.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import PIL.Image
import skimage.data
from scipy.stats import wilcoxon

from deraincli.reporting.markdown import markdown_table

HERE = Path(__file__).parent
DATA = HERE / "../../../shared/data"
REFERENCE = "bi"
"""The recipe that all others are compared with."""
SETS = {"streak": ("valid/rain100l_20", "prenet"), "drop": ("valid/raindrop_4", "agan")}
"""Pairs in DATA that the results of a task are scored on, and the protocol."""


@dataclass(frozen=True)
class Ablation:
    """A recipe, and what the authors' response reports for it: PSNR in dB and SSIM by task."""

    recipe: str
    title: str
    table: str
    """Numbers of the response's tables, "" if it has none."""
    reported: dict[str, tuple[float, float]]


ABLATIONS = (
    Ablation(
        REFERENCE, "bi-attention (proposed)", "1, 2, 5", {"streak": (37.12, 0.9758), "drop": (32.48, 0.9401)}
    ),
    Ablation(
        "ram",
        "RAM, its opposite as the other map",
        "1",
        {"streak": (36.75, 0.9592), "drop": (32.20, 0.9332)},
    ),
    Ablation(
        "cam",
        "CAM (BAM in the response), its opposite as the other map",
        "1",
        {"streak": (36.81, 0.9603), "drop": (32.26, 0.9335)},
    ),
    Ablation("none", "no attention", "", {}),
    Ablation("no-se", "no SE", "2", {"streak": (36.93, 0.9705), "drop": (32.31, 0.9368)}),
    Ablation("pix2pix", "Pix2Pix restorer", "5", {"streak": (33.98, 0.8964), "drop": (31.94, 0.9126)}),
    Ablation("gated-output", "each map keeps a residual of its own", "", {}),
    Ablation("steered-decoder", "maps in the decoder, too", "", {}),
    Ablation("far-cam", "CAM learns the pixels far from rain", "", {}),
    Ablation("strong-maps", "losses of the maps ten times as heavy", "", {}),
)
OF_THE_RESPONSE = ("bi", "ram", "cam", "none", "no-se", "pix2pix")
"""The recipes that run by default. The others are attempts to make two maps matter, see `variants.py`."""


@dataclass(frozen=True)
class Outcome:
    """One training run: steps made, and the scores of its last averaged weights."""

    steps: int
    psnr: float
    ssim: float
    pictures: tuple[float, ...]
    """PSNR of each picture."""


def main() -> None:
    options = parse()
    if options.rehearse:
        make_small_data(options.data)
    chosen = [ablation for ablation in ABLATIONS if ablation.recipe in options.recipes]
    outcomes = {
        ablation.recipe: [outcome(ablation.recipe, seed, options) for seed in range(options.seeds)]
        for ablation in chosen
    }
    print(table(outcomes, options.task))
    print(paired_test(outcomes))
    print(remarks(options))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, help="training time of each run")
    budget.add_argument("--steps", type=int, help="training steps of each run, instead of a time")
    budget.add_argument("--rehearse", action="store_true", help="two steps on small data that are made here")
    parser.add_argument("--seeds", type=int, default=2, help="runs of each recipe")
    parser.add_argument("--task", choices=SETS, default="streak", help="kind of rain")
    parser.add_argument("--frames", action="store_true", help="light streaks from DATA/train/streaks_light")
    names = [ablation.recipe for ablation in ABLATIONS]
    parser.add_argument(
        "--recipes", nargs="+", choices=names, default=OF_THE_RESPONSE, help=f"with {REFERENCE}"
    )
    parser.add_argument("--data", type=Path, default=DATA, help="the benchmark images")
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"), help="folder of the runs")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--set", action="append", default=[], help="as for derain train, in every run")
    options = parser.parse_args()
    if REFERENCE not in options.recipes:
        parser.error(f"--recipes needs {REFERENCE}, which all others are compared with")
    if options.rehearse:
        options.steps = 2
        options.data = options.out / "data"
        options.set += ["data.crop=64", "data.batch=2"]
    return options


def make_small_data(data: Path) -> None:
    """Writes a photo to train on, and one streak and one drop pair, from photos of scikit-image."""
    photos = {"train/clean": skimage.data.coffee(), "photos": skimage.data.astronaut()[100:292, 150:342]}
    for folder, photo in photos.items():
        (data / folder).mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(photo).save(data / folder / "photo.png")
    for task, (pairs, _) in SETS.items():
        derain("synth", data / "photos", "-o", data / pairs, "--kind", task)
    derain("synth", data / "photos", "-o", data / "train/raindrop_4", "--kind", "drop", "--seed", 1)
    layer = (data / SETS["streak"][0] / "mask/photo.png").read_bytes()
    for folder in ("train/streaks", "train/streaks_light"):
        (data / folder).mkdir(parents=True, exist_ok=True)
        (data / folder / "photo.png").write_bytes(layer)


def sources(options: argparse.Namespace) -> list[str]:
    """Returns the settings that name the data of a run."""
    train, (pairs, _) = options.data.resolve() / "train", SETS[options.task]
    chosen = [f'data.clean=["{train / "clean"}"]', f"data.validation={options.data.resolve() / pairs}"]
    if options.task == "drop":
        layers = ["data.drop_share=1.0", f"data.drop_layers={train / 'raindrop_4'}", "data.streak_layers="]
        return [*chosen, "task=drop", *layers]
    frames = [f"data.streak_frames={train / 'streaks_light'}"] if options.frames else []
    return [*chosen, f"data.streak_layers={train / 'streaks'}", *frames]


def outcome(recipe: str, seed: int, options: argparse.Namespace) -> Outcome:
    """Trains, or continues, one run and scores its last averaged weights."""
    folder = options.out / options.task / f"{recipe}-{seed}"
    command = ["train", HERE / f"{recipe}.toml", "--out", folder, "--resume", "--device", options.device]
    if options.minutes is not None:
        # More steps than there is time for, so that time alone ends a run.
        command += ["--max-minutes", options.minutes]
    steps = 10_000_000 if options.minutes is not None else options.steps
    for setting in (f"seed={seed}", f"optimiser.steps={steps}", *sources(options), *options.set):
        command += ["--set", setting]
    trained = derain(*command)
    pairs, protocol = SETS[options.task]
    model = folder / "last.safetensors"
    scored = derain(
        "eval", options.data / pairs, "-m", model, "--device", options.device, "--protocol", protocol
    )
    pictures = sorted(scored["images"], key=lambda picture: picture["name"])
    return Outcome(trained["step"], scored["psnr"], scored["ssim"], tuple(one["psnr"] for one in pictures))


def derain(*arguments: object) -> dict[str, Any]:
    """Runs a command of deraincli, with the variants. Returns the JSON object that it prints last."""
    command = [sys.executable, str(HERE / "variants.py"), *map(str, arguments), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return json.loads(done.stdout.splitlines()[-1])


def table(outcomes: dict[str, Sequence[Outcome]], task: str) -> str:
    """Returns our scores by seed, their mean and standard deviation, beside those of the response."""
    reference = fmean(run.psnr for run in outcomes[REFERENCE])
    reported_reference, _ = ABLATIONS[0].reported[task]
    columns = ("setup", "steps", "PSNR by seed", "PSNR", "± std", "change", "SSIM")
    rows = []
    for ablation in ABLATIONS:
        if ablation.recipe not in outcomes:
            continue
        runs = outcomes[ablation.recipe]
        scores = [run.psnr for run in runs]
        cells = [
            ablation.title,
            f"{fmean(run.steps for run in runs):.0f}",
            ", ".join(f"{score:.2f}" for score in scores),
            f"{fmean(scores):.2f}",
            f"{stdev(scores):.2f}" if len(scores) > 1 else "",
            f"{fmean(scores) - reference:+.2f}",
            f"{fmean(run.ssim for run in runs):.4f}",
        ]
        if task in ablation.reported:
            psnr, ssim = ablation.reported[task]
            cells += [ablation.table, f"{psnr:.2f}", f"{psnr - reported_reference:+.2f}", f"{ssim:.4f}"]
        else:
            cells += [""] * 4
        rows.append(cells)
    return markdown_table((*columns, "response: table", "PSNR", "change", "SSIM"), rows)


def paired_test(outcomes: dict[str, Sequence[Outcome]]) -> str:
    """Compares each recipe with the reference picture by picture, each picture the mean over seeds.

    Returns:
        A table of the mean change, of how many pictures gain, and of Wilcoxon's two-sided signed-rank test.
    """
    by_picture = {
        recipe: np.mean([run.pictures for run in runs], axis=0) for recipe, runs in outcomes.items()
    }
    rows = []
    for recipe, scores in by_picture.items():
        if recipe != REFERENCE:
            change = scores - by_picture[REFERENCE]
            p = wilcoxon(change).pvalue if change.any() else 1.0
            rows.append(
                [recipe, f"{change.mean():+.2f}", f"{(change > 0).sum()} of {change.size}", f"{p:.2g}"]
            )
    return markdown_table((f"against {REFERENCE}", "change, dB", "pictures that gain", "p"), rows)


def remarks(options: argparse.Namespace) -> str:
    """Says what the two halves of the table do and do not have in common."""
    budget = f"{options.minutes:g} minutes" if options.minutes is not None else f"{options.steps} steps"
    pairs, protocol = SETS[options.task]
    return (
        f"Ours: balnet-lite, {budget} per run, {options.seeds} seed(s), rain made on the fly over "
        f"clean photos, the last averaged weights scored on {Path(pairs).name} by protocol {protocol}. The "
        "response: the full network, trained on the set's own pairs for a time that it does not state, under "
        "a protocol that it does not name. So the PSNR columns cannot be compared, only the signs of the "
        "changes. A change smaller than the distance between two seeds says nothing. p is over pictures, not "
        "over trainings. With four pictures it is never below 0.125."
    )


if __name__ == "__main__":
    main()
