"""A whole training run: start or resume, step, validate, keep the best and the last weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deraincli.errors import InputError, OutputError, TrainingError
from deraincli.files.atomic import write_atomically
from deraincli.files.folders import make_folder
from deraincli.inference.backends.torch_device import choose_precision
from deraincli.model_zoo.resolve import BEST_FILE
from deraincli.models.checkpoint import model_bytes
from deraincli.models.config_io import dump_config
from deraincli.training.config import TrainingConfig
from deraincli.training.data.batches import Feed, TrainingData, batches
from deraincli.training.distributed import ProcessGroup
from deraincli.training.interrupts import deferred_interrupts
from deraincli.training.setup import prepare
from deraincli.training.state import Best, load_state, state_bytes
from deraincli.training.step import StepResult, train_step
from deraincli.training.time_budget import Clock
from deraincli.training.validation import Validation, ValidationSet


@dataclass(frozen=True)
class Progress:
    """The report of a run after a step."""

    step: int
    """Number of steps done."""
    steps: int
    """Number of steps of the whole run."""
    share: float
    """Share of the run that is done, 0–1, by steps or by time, whichever is more."""
    losses: dict[str, float]
    """Weighted losses by name."""
    psnr: float
    """Mean PSNR of the step's crops in RGB, dB."""
    rate: float
    """Learning rate of the step."""
    waiting: float
    """Share of the time since the start or resumption that was spent waiting for batches, 0–1."""
    validation: Validation | None
    """The validation after this step, if there was one."""
    best: Best
    """The best validation so far."""


CONFIG_FILE = "config.json"
"""File in a run's folder with the complete config."""
LAST_FILE = "last.safetensors"
"""File in a run's folder with the weights of the last validation."""

Report = Callable[[Progress], None]


class Run:
    """One run in a folder of its own: `config.json`, `state.pt`, `best.safetensors`, `last.safetensors`."""

    def __init__(
        self, config: TrainingConfig, root: Path, folder: Path, group: ProcessGroup, *, resume: bool
    ) -> None:
        """Prepares the run, and loads its saved state if there is one.

        Args:
            config: The config.
            root: Folder that the config's paths are relative to.
            folder: Folder of the run.
            group: The processes of the run.
            resume: Whether a run that is already in the folder may be continued.

        Raises:
            TrainingError: The folder already holds a run, and `resume` is false.
        """
        if config.precision == "auto":
            config = replace(config, precision=choose_precision("auto", group.device))
        self.config = config
        """The config with the precision that the device computes in."""
        self.folder = folder
        self.group = group
        self.state_path = folder / "state.pt"
        if self.state_path.exists() and not resume:
            raise TrainingError(
                f"{folder} holds a run already; continue it with --resume or give another --out."
            )
        torch.manual_seed(config.seed)
        last = folder / LAST_FILE
        trained = last if self.state_path.exists() and last.exists() else None
        self.state, self.info = prepare(config, root, group, trained)
        self.best, seconds = Best(), 0.0
        if self.state_path.exists():
            self.best, seconds = load_state(self.state_path, self.state)
        self.validation = ValidationSet(root / config.data.validation, strict=config.data.strict)
        self.data = TrainingData(config.data, root, config.seed, group.local_indices(config.data.batch))
        make_folder(folder)
        resolved = dump_config(config)
        self.changed = _changes(folder / CONFIG_FILE, resolved) if self.state.step else ()
        """Keys of the config whose values differ from those of the last start."""
        if group.rank == 0:
            write_atomically(folder / CONFIG_FILE, json.dumps(resolved, indent=2).encode(), overwrite=True)
        self._clock = Clock(seconds, limit=60 * config.max_minutes)
        self._longest_validation = 0.0  # of this process; all agree on the clock's after the next step

    def train(self, report: Report) -> Best:
        """Trains to the last step of the schedule, or to the time limit.

        Args:
            report: Called after every step.

        Returns:
            The best validation.

        Raises:
            KeyboardInterrupt: Some process received Ctrl-C. The state after the current step has been saved.
            TrainingError: A loss or a gradient is no longer finite.
            InputError: An image can no longer be read. The state before the current step has been saved.
            OutputError: The run's files cannot be written, for example because the disk is full.
        """
        steps, state = self.config.optimiser.steps, self.state
        with deferred_interrupts() as interruption:
            last = state.step if self._clock.share == 1 else steps
            feed = Feed(batches(self.data, state.step, last, self.config.data.workers))
            for rainy, clean in self._saving_first(feed):
                result = train_step(state, rainy, clean, self.config, self._clock.share)
                stop = self._agree(interruption.asked, result)
                ended = state.step == steps or self._clock.share == 1
                due = ended or state.step % self.config.validate_every == 0
                validation = self._validate() if due and self.group.rank == 0 else None
                report(self._progress(result, feed, validation))
                if stop:
                    self._save()
                    raise KeyboardInterrupt
                if ended:
                    break
        return self.best

    def _saving_first(self, feed: Feed) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the batches. Saves the state before the error of an image that can no longer be read."""
        try:
            yield from feed
        except InputError as error:
            self._save()
            raise InputError(
                f"{error} The run is saved up to step {self.state.step}: go on with --resume."
            ) from error

    def _agree(self, asked: bool, result: StepResult) -> bool:
        """Decides whether to stop. All processes must agree, or one would wait for the others forever."""
        clock = self._clock
        stop, broken, clock.seconds, clock.validating = self.group.all_reduce_max(
            [asked, result.diverged, clock.read(), self._longest_validation]
        )
        if broken:
            remedy = "begin again"
            if self.state_path.exists():
                remedy = f"{self.folder} keeps the last good state, go on from it by --resume"
            raise TrainingError(
                f"The loss or its gradient is no longer finite at step {self.state.step}: {remedy} "
                "with a lower optimiser.rate."
            )
        return bool(stop)

    def _validate(self) -> Validation:
        """Scores the averaged weights, keeps them if they are the best, and saves the state."""
        began = self._clock.read()
        network = self.state.averaged
        result = self.validation.score(network, self.group.device, precision=self.config.precision)
        content = model_bytes(network, self.info)
        if result.psnr > self.best.psnr:
            self.best = Best(result.psnr, self.state.step)
            self._write(BEST_FILE, content)
        self._write(LAST_FILE, content)
        self._save()
        self._longest_validation = max(self._longest_validation, self._clock.read() - began)
        return result

    def _save(self) -> None:
        if self.group.rank == 0:
            self._write("state.pt", state_bytes(self.state, self.best, self._clock.read()))

    def _write(self, name: str, content: bytes) -> None:
        try:
            write_atomically(self.folder / name, content, overwrite=True)
        except OutputError as error:
            raise OutputError(
                f"{str(error).removesuffix('.')}; what was saved before is intact, so make room and go on "
                "with --resume."
            ) from error

    def _progress(self, result: StepResult, feed: Feed, validation: Validation | None) -> Progress:
        steps = self.config.optimiser.steps
        return Progress(
            step=self.state.step,
            steps=steps,
            share=max(self.state.step / steps, self._clock.share),
            losses=result.losses,
            psnr=result.psnr,
            rate=self.state.optimisers[0].param_groups[0]["lr"],
            waiting=min(1.0, feed.waited / self._clock.since_start),
            validation=validation,
            best=self.best,
        )


def _changes(file: Path, config: dict[str, Any]) -> tuple[str, ...]:
    """Returns the keys, as `a.b`, whose values differ from those in the config file of an earlier start."""
    try:
        before = _flat(json.loads(file.read_bytes()))
    except (OSError, ValueError):
        return ()
    now = _flat(config)
    return tuple(key for key in dict.fromkeys((*now, *before)) if before.get(key) != now.get(key))


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flattens nested keys to `a.b`."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
