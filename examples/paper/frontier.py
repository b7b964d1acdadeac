"""Quality against latency: one chart and one table.

    python examples/paper/frontier.py SET
    python examples/paper/frontier.py SET --models balnet-lite-streak,restormer.safetensors,gmm

SET is a paired folder in any layout that `derain eval` recognises. Models are names, files or folders of
trainings, also imported checkpoints of published networks (`derain weights import`), and the classical
methods `dsc` and `gmm`. Whole images are scored, and `derain bench` times all models in turn. A model that
cannot run on a backend is left out there and named. Writes OUT/frontier.md and OUT/frontier.png, also over
those of an earlier run. Needs the extra `figures`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

import deraincli
from deraincli.datasets.pairs import Pair, find_pairs
from deraincli.evaluation.metrics import PROTOCOLS, Score, mean_score
from deraincli.evaluation.score_pairs import Restore, score_pair
from deraincli.imaging.formats import DEFAULT_MAX_PIXELS
from deraincli.models.classical.registry import CLASSICAL_METHODS
from deraincli.reporting.markdown import markdown_table

PROTOCOL = PROTOCOLS["prenet"]
SHAPES = "osD^v"
"""Matplotlib's markers of the backends."""


class Way(NamedTuple):
    """A model and how it runs."""

    model: str
    backend: str

    @property
    def title(self) -> str:
        """The name that is shown."""
        name = Path(self.model).stem
        return name if self.backend == "eager" else f"{name}, {self.backend}"


def ways_of(models: Sequence[str], backends: Sequence[str]) -> list[Way]:
    """Lists the ways in the order of `derain bench`. Classical methods have one each, without a backend."""
    return [Way(m, b) for m in models for b in (["eager"] if m in CLASSICAL_METHODS else backends)]


def latencies(models: Sequence[str], backends: Sequence[str], size: int) -> list[dict[str, Any]]:
    """Runs `derain bench`. Returns its rows in the order of the ways. A row that failed has an `error`."""
    options = ["--models", ",".join(models), "--backend", ",".join(backends), "--size", str(size)]
    done = subprocess.run(
        [sys.executable, "-m", "deraincli", "bench", *options, "--repeat", "3", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if not done.stdout:  # `derain bench` has said why
        sys.exit(done.returncode)
    return json.loads(done.stdout)["rows"]


def say(step: str) -> None:
    """Says what is being done, because a step takes minutes."""
    print(step, file=sys.stderr, flush=True)


def quality(pairs: Sequence[Pair], restore: Restore) -> Score:
    """Scores a method on all pairs."""
    scores = [
        score_pair(pair, {"": restore}, [PROTOCOL], max_pixels=DEFAULT_MAX_PIXELS)[""] for pair in pairs
    ]
    return mean_score([score[PROTOCOL.name] for score in scores])


def chart(ways: Sequence[Way], times: Sequence[float], scores: Sequence[float], rainy: float) -> Figure:
    """PSNR against latency: a colour for each model, and a shape for each backend. The upper left is best."""
    figure = Figure((8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.axhline(rainy, color="grey", linestyle=":", linewidth=1, label="rainy input")
    models, backends = (list(dict.fromkeys(names)) for names in zip(*ways, strict=True))
    for way, time, score in zip(ways, times, scores, strict=True):
        colour = colormaps["tab10"](models.index(way.model))
        shape = SHAPES[backends.index(way.backend)]
        axes.scatter(time, score, s=60, color=colour, marker=shape, label=way.title)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    axes.margins(x=0.15, y=0.15)
    axes.set_xlabel("latency of one pass, ms (log)")
    axes.set_ylabel(f"PSNR, dB ({PROTOCOL.name})")
    figure.legend(loc="outside right upper", fontsize=8)
    return figure


def parsed_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pairs", type=Path, help="the paired folder to score on")
    models = "balnet-lite-streak,balnet-small"
    parser.add_argument("--models", default=models, help=f"separated by commas, {models} by default")
    backends = "eager,openvino,onnxruntime"
    parser.add_argument("--backends", default="eager", help=f"such as {backends}; eager (PyTorch) by default")
    parser.add_argument("--size", type=int, default=320, help="side of the timed picture, 320 by default")
    parser.add_argument("--limit", type=int, help="score only this number of pairs, all by default")
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("runs/frontier"), help="runs/frontier by default"
    )
    return parser.parse_args()


def main() -> None:
    asked = parsed_arguments()
    models, backends = (list(dict.fromkeys(names.split(","))) for names in (asked.models, asked.backends))
    pairs = find_pairs(asked.pairs).pairs[: asked.limit]
    rainy = quality(pairs, lambda picture: picture)
    rows, shown, times, scores = [["rainy input", "", f"{rainy.psnr:.2f}", f"{rainy.ssim:.4f}"]], [], [], []
    say(f"timing {len(models)} models, first their memory")
    for way, measured in zip(ways_of(models, backends), latencies(models, backends, asked.size), strict=True):
        if measured["error"]:  # `derain bench` has said why
            say(f"left out: {way.title}")
            continue
        say(f"scoring {way.title}, pairs: {len(pairs)}")
        restore = deraincli.load(way.model, backend=way.backend, working_side="full")
        found, time = quality(pairs, restore), measured["latency_ms"]["median"]
        rows.append([way.title, f"{time:.0f}", f"{found.psnr:.2f}", f"{found.ssim:.4f}"])
        shown.append(way)
        times.append(time)
        scores.append(found.psnr)
    if not shown:
        sys.exit(1)
    table = markdown_table(("way", f"ms at {asked.size}×{asked.size}", "PSNR, dB", "SSIM"), rows)
    how = f"{asked.pairs.name}, pairs: {len(pairs)}, protocol {PROTOCOL.name}, whole images\n"
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "frontier.md").write_text(f"{table}\n{how}", encoding="utf-8")
    chart(shown, times, scores, rainy.psnr).savefig(asked.out / "frontier.png", dpi=150)
    print(table)


if __name__ == "__main__":
    main()
