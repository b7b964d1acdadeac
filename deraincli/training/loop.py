"""A whole training run: resume or begin, step, validate, keep the best and the last."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from deraincli.checkpoint import ModelInfo, load_model, model_bytes
from deraincli.data.batches import TrainingData, batches
from deraincli.errors import TrainingError
from deraincli.frozen import to_mapping
from deraincli.imaging.codec import write_atomically
from deraincli.networks import NETWORKS, configure
from deraincli.training.config import TrainingConfig
from deraincli.training.distributed import Processes
from deraincli.training.interrupt import deferred_interrupts
from deraincli.training.state import Best, load_state, save_state
from deraincli.training.step import Trainee, new_trainee, train_step
from deraincli.training.validation import Validation, ValidationSet


@dataclass(frozen=True)
class Progress:
    """What a run reports after every step."""

    step: int
    steps: int
    losses: dict[str, float]
    validation: Validation | None
    """On steps that validated."""
    best: Best


Report = Callable[[Progress], None]


class Run:
    """One run in a folder of its own: `config.json`, `state.pt`, `best.safetensors`, `last.safetensors`."""

    def __init__(
        self, config: TrainingConfig, root: Path, folder: Path, group: Processes, *, resume: bool
    ) -> None:
        """`root`: what the config's paths are relative to.

        Raises TrainingError if the folder holds a run already and `resume` is false.
        """
        self.config = config
        self.folder = folder
        self.group = group
        self.state_path = folder / "state.pt"
        if self.state_path.exists() and not resume:
            raise TrainingError(
                f"{folder} holds a run already; continue it with --resume or give another --out."
            )
        torch.manual_seed(config.seed)
        self.trainee, self.info = _prepare(config, root, group)
        self.best = Best()
        if self.state_path.exists():
            self.best = load_state(self.state_path, self.trainee)
        self.validation = ValidationSet(root / config.data.validation)
        self.data = TrainingData(config.data, root, config.seed, group.share(config.data.batch))
        folder.mkdir(parents=True, exist_ok=True)
        resolved = json.dumps(to_mapping(config), indent=2).encode()
        write_atomically(folder / "config.json", resolved, overwrite=True)

    def train(self, report: Report) -> Best:
        """Trains to the last step of the schedule.

        Ctrl-C saves the state after the step under way and raises KeyboardInterrupt. Raises
        TrainingError if the loss is no longer finite.
        """
        steps = self.config.optimiser.steps
        with deferred_interrupts() as interruption:
            for rainy, clean in batches(self.data, self.trainee.step, steps, self.config.data.workers):
                parts = train_step(self.trainee, rainy, clean, self.config)
                if not math.isfinite(sum(parts.values())):
                    raise TrainingError(self._diverged())
                due = self.trainee.step % self.config.validate_every == 0 or self.trainee.step == steps
                validation = self._validate() if due and self.group.rank == 0 else None
                report(Progress(self.trainee.step, steps, parts, validation, self.best))
                if interruption.asked:
                    if self.group.rank == 0:
                        save_state(self.state_path, self.trainee, self.best)
                    raise KeyboardInterrupt
        return self.best

    def _validate(self) -> Validation:
        """Scores the averaged weights, keeps them if they are the best, and saves the state."""
        network = self.trainee.average.module
        result = self.validation.score(network, precision=self.config.precision)
        content = model_bytes(network, self.info)
        if result.psnr > self.best.psnr:
            self.best = Best(result.psnr, self.trainee.step)
            write_atomically(self.folder / "best.safetensors", content, overwrite=True)
        write_atomically(self.folder / "last.safetensors", content, overwrite=True)
        save_state(self.state_path, self.trainee, self.best)
        return result

    def _diverged(self) -> str:
        return (
            f"The loss is no longer finite at step {self.trainee.step}; {self.folder} keeps the last good "
            "state, go on from it with --resume and a lower optimiser.rate."
        )


def _prepare(config: TrainingConfig, root: Path, group: Processes) -> tuple[Trainee, ModelInfo]:
    if config.warm_start:
        network, info = load_model(root / config.warm_start)
        if info.network != config.network:
            raise TrainingError(
                f"{config.warm_start} is a {info.network}, the config trains a {config.network}."
            )
    else:
        network_config = configure(config.network, config.network_options, source="network_options")
        network = NETWORKS[config.network].build(network_config)
        info = ModelInfo(config.network, network_config, config.task)
    return new_trainee(network, config.optimiser, group), ModelInfo(info.network, info.config, config.task)
