"""`derain train`: from a config file to a model file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deraincli.cli import options
from deraincli.cli.output import Output

if TYPE_CHECKING:
    from deraincli.training.loop import Progress

SMOOTHING = 0.98
"""Of the running means of the losses shown."""


def command(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="What to train, on what, how.")],
    out: Annotated[Path, typer.Option("--out", metavar="RUNDIR", help="Folder of the run.")] = Path(
        "runs/run"
    ),
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Replace a value, as in --set optimiser.steps=5000."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    json: options.Json = False,
) -> None:
    """Train a network; Ctrl-C saves, --resume goes on. Under torchrun, on several processes."""
    from deraincli.training.config import load_config
    from deraincli.training.distributed import processes
    from deraincli.training.loop import Run

    said = options.make_output(quiet, verbose, json)
    settled = load_config(config, tuple(settings or ()))
    with processes() as group:
        run = Run(settled, config.parent, out, group, resume=resume)
        if group.rank > 0:
            run.train(_silence)
            return
        reporter = _Reporter(said, settled.data.batch)
        try:
            best = run.train(reporter)
        finally:
            reporter.close()
        if best.step:
            record = {"run": str(out), "best_psnr": best.psnr, "best_step": best.step}
            path = out / "best.safetensors"
            said.result(record, f"Best: {best.psnr:.2f} dB at step {best.step}, in {path}")


def _silence(progress: Progress) -> None:
    """The other processes of a run say nothing."""


class _Reporter:
    """Shows a run: a live line on a terminal, else a line at every validation."""

    def __init__(self, out: Output, batch: int) -> None:
        self._out = out
        self._batch = batch
        self._means: dict[str, float] = {}
        self._meter = out.training_meter()
        self._began: tuple[float, int] | None = None

    def __call__(self, progress: Progress) -> None:
        for name, value in progress.losses.items():
            self._means[name] = SMOOTHING * self._means.get(name, value) + (1 - SMOOTHING) * value
        if self._began is None:
            self._began = time.monotonic(), progress.step
        elapsed, steps = time.monotonic() - self._began[0], progress.step - self._began[1]
        rate = steps * self._batch / elapsed if steps else 0.0
        losses = "  ".join(f"{name} {value:.4f}" for name, value in self._means.items())
        best = f"best {progress.best.psnr:.2f} dB" if progress.best.step else ""
        self._meter(progress.step, progress.steps, f"{losses}  {rate:.0f} images/s  {best}")
        if progress.validation is not None:
            v = progress.validation
            self._out.line(
                f"step {progress.step:>6}  {losses}  {rate:.0f} images/s  "
                f"PSNR {v.psnr:.2f} dB  SSIM {v.ssim:.4f}  RAM IoU {v.ram_iou:.3f}"
            )

    def close(self) -> None:
        """Takes the live line away."""
        self._meter.close()
