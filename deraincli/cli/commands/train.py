"""`derain train` trains a network by a config file."""

from __future__ import annotations

import json as jsonlib
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deraincli.cli import options
from deraincli.cli.help import IN_OUT, TRAINING, examples
from deraincli.cli.output import Output
from deraincli.cli.values import suggest_models
from deraincli.errors import missing
from deraincli.runtime.installation import install_command

if TYPE_CHECKING:
    from deraincli.training.loop import Progress, Run

EXAMPLES = examples(
    "derain train config.toml -o runs/first --set optimiser.steps=5000",
    "derain train config.toml -o runs/first --resume",
)
SMOOTHING = 0.98
"""Weight of the past in the running means of the losses, 0–1."""
NAMED = 10
"""Largest number of unusable pictures that are named. The others are counted."""


def command(
    config: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG.toml",
            help="What to train, and on what. Its paths are relative to its folder.",
            parser=options.path,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="RUNDIR",
            rich_help_panel=IN_OUT,
            help="Folder of the run.",
            parser=options.path,
        ),
    ] = Path("runs/run"),
    resume: Annotated[
        bool, typer.Option("--resume", rich_help_panel=IN_OUT, help="Resume the run in --out, or begin it.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", rich_help_panel=IN_OUT, help="Fail at the first image that cannot be used."),
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            rich_help_panel=TRAINING,
            help="Replace a value of the config. Can be given several times.",
        ),
    ] = None,
    warm_start: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            autocompletion=suggest_models(),
            rich_help_panel=TRAINING,
            help="Begin with the weights of this model.",
        ),
    ] = None,
    max_minutes: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="N",
            rich_help_panel=TRAINING,
            help="End after N minutes in all. The learning rate is fitted to that.",
        ),
    ] = None,
    device: options.Device = "auto",
    quiet: options.Quiet = False,
    verbose: options.NoVerbose = False,
    json: options.Json = False,
) -> None:
    """Train a network.

    Ctrl-C saves the run, and --resume continues it. Under torchrun, several processes train together.
    """
    if not config.exists():  # before PyTorch is imported, which takes seconds
        raise missing(config)
    from deraincli.datasets.leakage import warning
    from deraincli.inference.backends.torch_device import choose_device
    from deraincli.model_zoo.resolve import BEST_FILE
    from deraincli.training.config import load_config
    from deraincli.training.distributed import processes
    from deraincli.training.loop import Run

    messages = options.make_output(quiet, verbose, json)
    given = _as_settings(warm_start, max_minutes, strict)
    wanted = load_config(config, (*(settings or ()), *given))
    with processes(choose_device(device)) as group:
        run = Run(wanted, config.parent, out, group, resume=resume)
        if group.rank > 0:
            run.train(_silence)
            return
        if resume and not run.state_path.exists():
            messages.note(f"There is no run in {out} to resume. A new run begins.")
        if run.changed:
            messages.note(f"The config has changed in {', '.join(run.changed)} since the run began.")
        _report_left_out([*run.data.skipped, *run.validation.skipped], messages)
        test_pictures = warning(run.data.known)
        if test_pictures is not None:
            messages.note(test_pictures)
        if wanted.task == "drop" and not wanted.data.paired and wanted.data.drop_share == 0:
            messages.note("task = 'drop' only names the model; drops are drawn with data.drop_share = 1.")
        reporter = _Reporter(messages, wanted.data.batch, out, run.state.step)
        try:
            messages.line(_beginning(run))
            best = run.train(reporter)
        except KeyboardInterrupt:
            messages.line(
                f"Stopped after step {run.state.step}. To continue, run the same command with --resume."
            )
            raise
        finally:
            reporter.close()
        if best.step:
            record = {
                "run": str(out),
                "step": run.state.step,
                "best_psnr": best.psnr,
                "best_step": best.step,
            }
            path = out / BEST_FILE
            messages.result(record, f"Best: {best.psnr:.2f} dB at step {best.step}, in {path}")


def _as_settings(warm_start: str | None, max_minutes: float | None, strict: bool) -> Iterator[str]:
    """Returns options as settings of the config. A relative path starts at the current folder here."""
    if warm_start is not None:
        path = options.path(warm_start)
        yield f"warm_start={jsonlib.dumps(str(path.resolve()) if path.exists() else warm_start)}"
    if max_minutes is not None:
        yield f"max_minutes={max_minutes}"
    if strict:
        yield "data.strict=true"


def _beginning(run: Run) -> str:
    """Describes what is trained, on which pictures, and where it starts."""
    config, step = run.config, run.state.step
    steps = f"{config.optimiser.steps} steps"
    if step >= config.optimiser.steps:
        return f"All {steps} of {run.folder} are done, {step} in all; --set optimiser.steps=N makes more."
    if config.max_minutes:
        steps = f"{config.max_minutes:g} minutes, {steps} at most"
    way = f"from step {step} on, {steps} in all" if step else steps
    scenes = sum(map(len, run.data.scenes))
    begun = f", begun as {config.warm_start}," if config.warm_start else ""
    return (
        f"Training {config.network}{begun} for task {config.task} on {run.group.device} in "
        f"{config.precision}: {way}; "
        f"{scenes} photos or pairs, {len(run.validation.pairs)} pairs to validate on (prenet) every "
        f"{config.validate_every} steps."
    )


def _report_left_out(skipped: list[str], messages: Output) -> None:
    for sentence in skipped[:NAMED]:
        messages.line(sentence)
    if skipped:
        messages.note(
            f"{len(skipped)} pictures or pairs cannot be used and are left out; --strict would end here."
        )


def _silence(progress: Progress) -> None:
    """Receives progress and prints nothing, for all processes of a run but the first."""


class _Reporter:
    """Shows a run on a live line (without a terminal: a line per validation) and in TensorBoard."""

    def __init__(self, out: Output, batch: int, folder: Path, step: int) -> None:
        from deraincli.training.tensorboard_writer import open_writer

        self._out = out
        self._batch = batch
        self._means: dict[str, float] = {}
        self._meter = out.training_meter()
        self._began: tuple[float, Progress] | None = None
        self._curves = open_writer(folder / "tensorboard", step)
        if self._curves is None:
            out.note(f"For curves and pictures in TensorBoard: {install_command('train')}")

    def __call__(self, progress: Progress) -> None:
        if self._curves is not None:
            self._curves(progress)
        self._began = self._began or (time.monotonic(), progress)
        for name, value in {**progress.losses, "PSNR": progress.psnr}.items():
            self._means[name] = SMOOTHING * self._means.get(name, value) + (1 - SMOOTHING) * value
        losses = "  ".join(f"{name} {self._means[name]:.4f}" for name in progress.losses)
        speed, left = self._pace(progress)
        pace = f"{losses}  crops {self._means['PSNR']:.2f} dB  {speed:.3g} images/s"
        best = f"best {progress.best.psnr:.2f} dB" if progress.best.step else ""
        # The number of steps of a run that ends by its time is not known.
        self._meter(progress.step, round(progress.step / progress.share), f"{pace}  {best}")
        if progress.validation is not None:
            v = progress.validation
            iou = "" if v.ram_iou is None else f"  RAM IoU {v.ram_iou:.3f}"
            self._out.line(
                f"step {progress.step:>6}  {pace}  waiting for data {progress.waiting:.0%}  {left}  "
                f"PSNR {v.psnr:.2f} dB  SSIM {v.ssim:.4f}{iou}"
            )
            for name in v.dead_maps:
                self._out.note(
                    f"{name} is the same everywhere and can learn no more: start again with a lower "
                    "optimiser.muon_rate."
                )

    def _pace(self, progress: Progress) -> tuple[float, str]:
        """Formats the images per second and the time left."""
        assert self._began is not None
        began, first = self._began
        elapsed, steps, share = (
            time.monotonic() - began,
            progress.step - first.step,
            progress.share - first.share,  # also 0 if the time was up when the run was resumed
        )
        if not share:
            return 0.0, ""
        left = timedelta(seconds=round(elapsed * (1 - progress.share) / share))
        return steps * self._batch / elapsed, f"{left} left"

    def close(self) -> None:
        """Removes the live line and writes the remaining data for TensorBoard."""
        self._meter.close()
        if self._curves is not None:
            self._curves.close()
