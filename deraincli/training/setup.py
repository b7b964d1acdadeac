"""Prepares a run: checks the config and builds a network with random or given weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deraincli.errors import DeviceError, TrainingError, UsageError
from deraincli.model_zoo.catalogue import AUTO_MODEL, SHIPPED
from deraincli.model_zoo.resolve import resolve_model
from deraincli.models.balnet.net2net import deepened, deepens
from deraincli.models.base import RestorationNetwork
from deraincli.models.checkpoint import ModelInfo, load_model
from deraincli.models.registry import NETWORKS, configure
from deraincli.training.config import TrainingConfig
from deraincli.training.discriminators import REGION
from deraincli.training.distributed import ProcessGroup
from deraincli.training.step import TrainState, new_train_state


def prepare(
    config: TrainingConfig, root: Path, group: ProcessGroup, trained: Path | None = None
) -> tuple[TrainState, ModelInfo]:
    """Builds the state in which a run starts.

    Args:
        config: The config.
        root: Folder that the config's paths are relative to.
        group: The processes of the run.
        trained: A model file of the run itself, if it is resumed. It replaces the model to start from, which
            may be gone by now.

    Returns:
        The state, and the description for its model files.

    Raises:
        UsageError: The config contradicts itself.
        DeviceError: The precision does not suit the device.
        TrainingError: The model to start from does not suit the config.
    """
    network, info = _network(config, root, trained)
    crop, share = config.data.crop, len(group.local_indices(config.data.batch))
    multiple = network.size_multiple
    if crop % multiple:
        raise UsageError(f"data.crop = {crop} does not suit {config.network}: take a multiple of {multiple}.")
    if config.loss.adversarial > 0 and crop < REGION:
        raise UsageError(f"data.crop = {crop} is too small for loss.adversarial: take at least {REGION}.")
    if share % config.optimiser.accumulate:
        raise UsageError(
            f"optimiser.accumulate = {config.optimiser.accumulate} does not divide the {share} crops that a "
            "process computes of a batch."
        )
    if config.precision == "fp16" and group.device.type != "cuda":
        raise DeviceError(
            f"precision = 'fp16' trains on CUDA only, not on '{group.device}': take bf16 or fp32."
        )
    return new_train_state(network, config, root, group), info


def _network(
    config: TrainingConfig, root: Path, trained: Path | None
) -> tuple[RestorationNetwork, ModelInfo]:
    wanted = configure(config.network, config.network_options, source="network_options")
    if not config.warm_start:
        return NETWORKS[config.network].build(wanted), ModelInfo(config.network, wanted, config.task)
    network, info = load_model(trained or _warm_start(config, root))
    same_network = info.network == config.network
    if same_network and (not config.network_options or info.config == wanted):
        return network, replace(info, task=config.task)
    if deepens(wanted, info.config):
        return deepened(network, wanted), ModelInfo(config.network, wanted, config.task)
    if same_network:
        raise TrainingError(
            f"{config.warm_start} has other options than the config's network_options: leave those out."
        )
    raise TrainingError(f"{config.warm_start} is a {info.network}, but the config trains a {config.network}.")


def _warm_start(config: TrainingConfig, root: Path) -> Path:
    """Returns the file of the model to start from. For balnet-lite, it is that of the config's task."""
    if config.warm_start in (AUTO_MODEL.name, *SHIPPED):
        return resolve_model(config.warm_start, config.task).files[0].path
    return root / config.warm_start
