"""One training step: a batch in, updated weights out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from deraincli.losses import attention_loss, attention_targets, reconstruction_loss
from deraincli.network.restoration import Restoration
from deraincli.training.config import LossConfig, OptimiserConfig, TrainingConfig
from deraincli.training.distributed import Processes
from deraincli.training.schedule import rate_factor


@dataclass
class Trainee:
    """What a run changes: the network, its average, the optimiser, and the steps done."""

    network: nn.Module
    forward: nn.Module
    """The network as a step calls it: itself, or wrapped to average gradients over processes."""
    average: AveragedModel
    optimiser: torch.optim.AdamW
    step: int = 0


def new_trainee(network: nn.Module, config: OptimiserConfig, group: Processes) -> Trainee:
    """A network about to be trained."""
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = AveragedModel(network, multi_avg_fn=_moving_average(config.ema), use_buffers=True)
    optimiser = torch.optim.AdamW(
        network.parameters(), config.rate, weight_decay=config.weight_decay, fused=True
    )
    return Trainee(network, group.wrap(network), average.eval(), optimiser)


def _moving_average(decay: float) -> Callable[..., None]:
    """An exponential moving average that starts short, so that the first weights are soon forgotten."""

    def update(averages: list[Tensor], weights: list[Tensor], count: Tensor) -> None:
        past = int(count)
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, weights, 1 - min(decay, (1 + past) / (10 + past)))
        else:  # counters of batch normalisation
            torch._foreach_copy_(averages, weights)

    return update


def losses(output: Restoration, rainy: Tensor, clean: Tensor, config: LossConfig) -> dict[str, Tensor]:
    """Every loss by name, weighted; their sum is what is minimised."""
    parts = {"reconstruction": reconstruction_loss(output.image, clean, config.reconstruction)}
    if output.ram is not None and output.cam is not None and config.attention > 0:
        ram, cam = attention_targets(rainy, clean)
        parts["ram"] = config.attention * attention_loss(output.ram, ram, config.attention_kind)
        parts["cam"] = config.attention * attention_loss(output.cam, cam, config.attention_kind)
    return parts


def train_step(trainee: Trainee, rainy: Tensor, clean: Tensor, config: TrainingConfig) -> dict[str, float]:
    """Learns from one batch (uint8, B×3×H×W) and returns the weighted losses."""
    rainy, clean = (side.float().div(255).to(memory_format=torch.channels_last) for side in (rainy, clean))
    settings = config.optimiser
    factor = rate_factor(trainee.step, warmup=settings.warmup, steps=settings.steps)
    for group in trainee.optimiser.param_groups:
        group["lr"] = settings.rate * factor
    with torch.autocast(rainy.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
        output = trainee.forward(rainy)
    parts = losses(output, rainy, clean, config.loss)
    trainee.optimiser.zero_grad()
    torch.stack(list(parts.values())).sum().backward()
    nn.utils.clip_grad_norm_(trainee.network.parameters(), settings.clip)
    trainee.optimiser.step()
    trainee.average.update_parameters(trainee.network)
    trainee.step += 1
    return {name: value.item() for name, value in parts.items()}
