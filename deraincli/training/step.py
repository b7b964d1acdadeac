"""One training step: a batch in, updated weights out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from deraincli.inference.backends.torch_device import PRECISIONS
from deraincli.models.balnet.targets import attention_targets
from deraincli.models.base import NetworkOutput, RestorationNetwork
from deraincli.training.adversarial import (
    Adversary,
    discriminator_loss,
    generator_loss,
    new_adversary,
    random_corners,
)
from deraincli.training.config import LossConfig, OptimiserConfig, TrainingConfig
from deraincli.training.distributed import ProcessGroup, averaging
from deraincli.training.losses import (
    attention_loss,
    frequency_loss,
    perceptual_loss,
    reconstruction_loss,
)
from deraincli.training.muon import Muon, matrices
from deraincli.training.schedule import rate_factor
from deraincli.training.vgg import VGG16Features, load_vgg


@dataclass
class TrainState:
    """Everything that a step changes or needs."""

    network: RestorationNetwork
    """The network in training."""
    forward: nn.Module
    """The network as a step calls it: itself, compiled, or wrapped to average gradients over processes."""
    average: AveragedModel
    """The moving average of the network's weights."""
    optimisers: tuple[torch.optim.Optimizer, ...]
    """The network's optimisers."""
    scaler: torch.amp.GradScaler
    """Scales the losses of fp16. It does nothing in other precisions."""
    adversary: Adversary | None
    """The discriminators, if the config has an adversarial loss."""
    vgg: VGG16Features | None
    """The features of the perceptual loss, if the config has one."""
    group: ProcessGroup
    """The processes of the run."""
    step: int = 0
    """Number of steps done."""

    @property
    def averaged(self) -> RestorationNetwork:
        """The network with its averaged weights, which are validated and saved."""
        network = self.average.module
        assert isinstance(network, RestorationNetwork)
        return network


class StepResult(NamedTuple):
    """The losses and the PSNR of a step."""

    losses: dict[str, float]
    """Losses by name, weighted as they are minimised, including that of the discriminators."""
    psnr: float
    """Mean PSNR of the step's crops in RGB, dB."""
    diverged: bool
    """Whether a loss or a gradient is not finite. If a gradient is not, the weights are unchanged."""


def new_train_state(
    network: RestorationNetwork, config: TrainingConfig, root: Path, group: ProcessGroup
) -> TrainState:
    """Prepares a network for training.

    Args:
        network: The network.
        config: The config.
        root: Folder that the config's paths are relative to.
        group: The processes of the run.
    """
    settings, loss = config.optimiser, config.loss
    network.train().to(group.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = AveragedModel(network, multi_avg_fn=_moving_average(settings.ema), use_buffers=True)
    called: nn.Module = torch.compile(network) if config.compile else network  # type: ignore[assignment]
    return TrainState(
        network=network,
        forward=group.data_parallel(called),
        average=average.eval(),
        optimisers=_optimisers(network, settings),
        scaler=torch.amp.GradScaler(group.device.type, enabled=config.precision == "fp16"),
        adversary=new_adversary(settings, group) if loss.adversarial > 0 else None,
        vgg=load_vgg(loss.vgg, root).to(group.device) if loss.perceptual > 0 else None,
        group=group,
    )


def _optimisers(network: nn.Module, settings: OptimiserConfig) -> tuple[torch.optim.Optimizer, ...]:
    """Returns AdamW and, unless its rate is 0, Muon for the weights of convolutions."""
    by_muon = matrices(network) if settings.muon_rate > 0 else []
    known = {id(weight) for weight in by_muon}
    others = [weight for weight in network.parameters() if id(weight) not in known]
    adam = torch.optim.AdamW(others, settings.rate, weight_decay=settings.weight_decay, fused=True)
    return (adam, Muon(by_muon, settings.muon_rate)) if by_muon else (adam,)


def _moving_average(decay: float) -> Callable[..., None]:
    """Returns an exponential moving average that starts short, so that it soon forgets the first weights."""

    def update(averages: list[Tensor], weights: list[Tensor], count: Tensor) -> None:
        past = int(count)
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, weights, 1 - min(decay, (1 + past) / (10 + past)))
        else:  # counters of batch normalisation
            torch._foreach_copy_(averages, weights)

    return update


def losses(
    output: NetworkOutput, rainy: Tensor, clean: Tensor, config: LossConfig, vgg: VGG16Features | None
) -> dict[str, Tensor]:
    """Computes all losses except the adversarial ones.

    Args:
        output: The network's output.
        rainy: The rainy crops, B×3×H×W in 0–1.
        clean: The clean crops, B×3×H×W in 0–1.
        config: The weights of the losses.
        vgg: The features of the perceptual loss, if there is one.

    Returns:
        The weighted losses by name.
    """
    parts = {"reconstruction": reconstruction_loss(output.image, clean, config.reconstruction)}
    if config.frequency > 0:
        parts["frequency"] = config.frequency * frequency_loss(output.image, clean)
    if output.ram is not None and output.cam is not None and config.attention > 0:
        ram, cam = attention_targets(rainy, clean)
        parts["ram"] = config.attention * attention_loss(output.ram, ram, config.attention_kind)
        parts["cam"] = config.attention * attention_loss(output.cam, cam, config.attention_kind)
    if vgg is not None:
        with torch.no_grad():
            wanted = vgg(clean)
        parts["perceptual"] = config.perceptual * perceptual_loss(vgg(output.image), wanted)
    return parts


def train_step(
    state: TrainState, rainy: Tensor, clean: Tensor, config: TrainingConfig, time_share: float = 0.0
) -> StepResult:
    """Makes one step with this process's crops of one batch.

    Args:
        state: The state, which is updated.
        rainy: The rainy crops, B×3×H×W uint8, on any device.
        clean: The clean crops, of the same shape.
        config: The config.
        time_share: Share of the time limit that is used up, 0–1, see `rate_factor`.
    """
    settings = config.optimiser
    factor = rate_factor(state.step, warmup=settings.warmup, steps=settings.steps, time_share=time_share)
    for optimiser in _all_optimisers(state):
        _begin(optimiser, factor)
    crops = state.group.local_indices(config.data.batch)
    size = len(crops) // settings.accumulate
    found: list[dict[str, Tensor]] = []
    for at in range(0, len(crops), size):
        part = slice(at, at + size)
        last = at + size == len(crops)
        found.append(_learn(state, rainy[part], clean[part], crops[part], config, last=last))
    updated = _update(state, settings)
    means = {name: torch.stack([part[name] for part in found]).mean().item() for name in found[0]}
    psnr = means.pop("psnr")
    return StepResult(means, psnr, diverged=not (updated and math.isfinite(sum(means.values()))))


def _all_optimisers(state: TrainState) -> tuple[torch.optim.Optimizer, ...]:
    """Returns the optimisers of the network, and then that of the discriminators if there are any."""
    adversary = state.adversary
    return state.optimisers if adversary is None else (*state.optimisers, adversary.optimiser)


def _begin(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Clears the gradients and sets the rate to `factor` times the optimiser's initial rate, the peak."""
    for group in optimiser.param_groups:
        group["lr"] = optimiser.defaults["lr"] * factor
    optimiser.zero_grad()


def _learn(
    state: TrainState, rainy: Tensor, clean: Tensor, crops: range, config: TrainingConfig, *, last: bool
) -> dict[str, Tensor]:
    """Adds the gradients of some of a step's crops. With the `last` of them, processes average gradients."""
    device, adversary, share = state.group.device, state.adversary, 1 / config.optimiser.accumulate
    rainy, clean = (_on_device(side, device) for side in (rainy, clean))
    with averaging(state.forward, last):
        with torch.autocast(device.type, PRECISIONS[config.precision], enabled=config.precision != "fp32"):
            output = state.forward(rainy)
        parts = losses(output, rainy, clean, config.loss, state.vgg)
        if adversary is not None:
            corners = random_corners(config.seed, state.step, crops, config.data.crop)
            parts["adversarial"] = config.loss.adversarial * generator_loss(adversary, output.image, corners)
        state.scaler.scale(share * torch.stack(list(parts.values())).sum()).backward()
    if adversary is not None:
        with averaging(adversary.forward, last):
            parts["discriminators"] = discriminator_loss(adversary, output.image, clean, corners)
            state.scaler.scale(share * parts["discriminators"]).backward()
    parts["psnr"] = -10 * (output.image - clean).square().mean((1, 2, 3)).clamp(min=1e-10).log10().mean()
    return {name: value.detach() for name, value in parts.items()}


def _on_device(side: Tensor, device: torch.device) -> Tensor:
    """Moves uint8 crops to a device and converts them to floats in 0–1."""
    moved = side.to(device, non_blocking=True).float().div(255)
    return moved.to(memory_format=torch.channels_last)


def _update(state: TrainState, config: OptimiserConfig) -> bool:
    """Updates the weights if the gradient is finite.

    Returns:
        Whether training can go on. fp16 leaves a step out now and then, and lowers its scale.
    """
    for optimiser in state.optimisers:
        state.scaler.unscale_(optimiser)
    norm = nn.utils.clip_grad_norm_(state.network.parameters(), config.clip)
    finite = bool(norm.isfinite())
    if finite:
        for optimiser in _all_optimisers(state):
            state.scaler.step(optimiser)
        state.average.update_parameters(state.network)
    state.scaler.update()
    state.step += 1
    return finite or state.scaler.is_enabled()
