"""Averages the weights of models whose training continued from one another.

Such an average often has the strengths of all of them, and takes the time of one: Wortsman et al., "Robust
fine-tuning of zero-shot models", CVPR 2022, and "Model soups", ICML 2022. Models that began from different
random weights have nothing in common, and their average restores nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from deraincli.errors import ModelError
from deraincli.models.checkpoint import load_model, model_bytes, refuse_not_finite


def average_models(paths: Sequence[Path], shares: Sequence[float]) -> bytes:
    """Averages the weights of models of one network, config and task.

    Args:
        paths: The model files, at least one.
        shares: How much each file counts: one positive number for each. Their sum need not be 1.

    Returns:
        The content of the averaged model's file, in float32. Whole numbers, such as the counters of batch
        normalisation, are those of the first model.

    Raises:
        ModelError: A file is not a model, differs from the first one in more than its weights, or has a
            weight that is not finite.
    """
    total = sum(shares)
    average: dict[str, Tensor] = {}
    for path, share in zip(paths, shares, strict=True):
        network, info = load_model(path)
        refuse_not_finite(network, path)
        if not average:
            averaged, first = network, info
        elif info != first:
            raise ModelError(
                f"{path} has another network, config or task than {paths[0]}: name models that were trained "
                "from one another."
            )
        for key, value in network.state_dict().items():
            if not value.is_floating_point():
                average.setdefault(key, value)
            else:
                average[key] = average.get(key, 0) + share / total * value.double()
    averaged.load_state_dict(average)
    return model_bytes(averaged, first, dtype=torch.float32)
