"""A run's state on disk: everything that the next step depends on."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from deraincli.errors import TrainingError
from deraincli.models.pytorch_file import load_plain
from deraincli.training.step import TrainState


@dataclass
class Best:
    """The best validation so far."""

    psnr: float = 0.0
    """Mean PSNR in dB."""
    step: int = 0
    """Step at which it was reached."""


def state_bytes(trainee: TrainState, best: Best, seconds: float) -> bytes:
    """Serialises the state of a run.

    Batches depend only on the seed and the step, so no random generator is stored.

    Args:
        trainee: The network, optimisers and everything else that a step changes.
        best: The best validation so far.
        seconds: How long the run has taken.

    Returns:
        The content of the state file.
    """
    adversary = trainee.adversary
    state = {
        "step": trainee.step,
        "seconds": seconds,
        "network": trainee.network.state_dict(),
        "average": trainee.average.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in trainee.optimisers],
        "scaler": trainee.scaler.state_dict(),
        "discriminators": adversary.network.state_dict() if adversary else {},
        "discriminator_optimiser": adversary.optimiser.state_dict() if adversary else {},
        "best": {"psnr": best.psnr, "step": best.step},
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def load_state(path: Path, trainee: TrainState) -> tuple[Best, float]:
    """Loads a saved state into a trainee.

    Args:
        path: The state file.
        trainee: The trainee. Its weights, optimisers and step are overwritten.

    Returns:
        The best validation, and how long the run has taken in seconds.

    Raises:
        TrainingError: The file is damaged, or belongs to another network or other losses.
    """
    try:
        state = _read(path)
        trainee.network.load_state_dict(state["network"])
        trainee.average.load_state_dict(state["average"])
        for optimiser, kept in zip(trainee.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        trainee.scaler.load_state_dict(state["scaler"])
        if trainee.adversary is not None:
            trainee.adversary.network.load_state_dict(state["discriminators"])
            trainee.adversary.optimiser.load_state_dict(state["discriminator_optimiser"])
        best = Best(**state["best"])
        trainee.step, seconds = state["step"], state["seconds"]
    except (RuntimeError, ValueError, KeyError, TypeError):
        raise TrainingError(
            f"{path} belongs to a run of another network, precision or losses; use another --out."
        ) from None
    return best, seconds


def _read(path: Path) -> dict[str, Any]:
    try:
        return load_plain(path)
    except (OSError, ValueError):
        raise TrainingError(f"{path} is damaged; begin a new run in another --out.") from None
