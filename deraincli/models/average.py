"""Averages the weights of models that all go back to one trained model.

Such an average often keeps most of what each model gained, and is as fast and as small as one of them:
Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022, and "Model soups", ICML 2022. Models
that began from different random weights have nothing in common, and their average restores nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from deraincli.errors import ModelError
from deraincli.models.balnet.net2net import deepens, take_over
from deraincli.models.checkpoint import ModelInfo, load_model, model_bytes, refuse_not_finite


class Part(NamedTuple):
    """A model of an average."""

    name: str
    """How messages name it."""
    path: Path
    """The model file."""
    share: float
    """How much it counts: a positive number. The sum of all need not be 1."""


def average_models(parts: Sequence[Part]) -> bytes:
    """Averages the weights of models of one network, config and task.

    A BAL-Net may also be shallower than another. It takes part as the deeper network that computes the same,
    whose additional blocks add nothing.

    Args:
        parts: The models, at least one.

    Returns:
        The content of the averaged model's file, in float16. Whole numbers, such as the counters of batch
        normalisation, are those of the first model.

    Raises:
        ModelError: A file is not a model, differs from the deepest one in more than its weights and depth, or
            has a weight that is not finite.
    """
    total = sum(part.share for part in parts)
    models = [load_model(part.path) for part in parts]
    deepest = max(range(len(parts)), key=lambda number: len(models[number][0].state_dict()))
    averaged, kind = models[deepest]
    average: dict[str, Tensor] = {}
    for (name, path, share), (network, info) in zip(parts, models, strict=True):
        refuse_not_finite(network, path)
        if info.task == kind.task and info != kind and deepens(kind.config, info.config):
            deeper = copy.deepcopy(averaged)
            take_over(deeper, network)
            network, info = deeper, kind
        _refuse_other_kind(name, info, parts[deepest].name, kind)
        for key, value in network.state_dict().items():
            if not value.is_floating_point():
                average.setdefault(key, value)
            else:
                average[key] = average.get(key, 0) + share / total * value.double()
    averaged.load_state_dict(average)
    return model_bytes(averaged, kind)


def _refuse_other_kind(name: str, info: ModelInfo, other_name: str, other: ModelInfo) -> None:
    """Raises ModelError if a model differs from another one in task, network or config."""
    if info.task != other.task:
        difference = f"{name} has the task {info.task!r} and {other_name} {other.task!r}"
    elif info.network != other.network:
        difference = f"{name} is a {info.network} and {other_name} a {other.network}"
    elif info.config != other.config:
        difference = f"{name} and {other_name} have networks of different sizes"
    else:
        return
    raise ModelError(f"{difference}. Average models of one network, size and task: leave one out.")
