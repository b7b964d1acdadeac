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


def state_bytes(state: TrainState, best: Best, seconds: float) -> bytes:
    """Serialises the state of a run.

    Batches depend only on the seed and the step, so no random generator is stored.

    Args:
        state: The network, optimisers and everything else that a step changes.
        best: The best validation so far.
        seconds: How long the run has taken.

    Returns:
        The content of the state file.
    """
    adversary = state.adversary
    content = {
        "step": state.step,
        "seconds": seconds,
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in state.optimisers],
        "scaler": state.scaler.state_dict(),
        "discriminators": adversary.network.state_dict() if adversary else {},
        "discriminator_optimiser": adversary.optimiser.state_dict() if adversary else {},
        "best": {"psnr": best.psnr, "step": best.step},
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def load_state(path: Path, state: TrainState) -> tuple[Best, float]:
    """Loads a saved state into that of a run.

    Args:
        path: The state file.
        state: The state. Its weights, optimisers and step are overwritten.

    Returns:
        The best validation, and how long the run has taken in seconds.

    Raises:
        TrainingError: The file is damaged, or belongs to another network or other losses.
    """
    try:
        content = _read(path)
        state.network.load_state_dict(content["network"])
        state.average.load_state_dict(content["average"])
        for optimiser, kept in zip(state.optimisers, content["optimisers"], strict=True):
            _load_moments(optimiser, kept)
        state.scaler.load_state_dict(content["scaler"])
        if state.adversary is not None:
            state.adversary.network.load_state_dict(content["discriminators"])
            _load_moments(state.adversary.optimiser, content["discriminator_optimiser"])
        best = Best(**content["best"])
        state.step, seconds = content["step"], content["seconds"]
    except (RuntimeError, ValueError, KeyError, TypeError):
        raise TrainingError(
            f"{path} belongs to a run of another network, precision or losses; use another --out."
        ) from None
    return best, seconds


def _load_moments(optimiser: torch.optim.Optimizer, kept: dict[str, Any]) -> None:
    """Loads what an optimiser has gathered. Its settings stay those of the config, which may have changed."""
    optimiser.load_state_dict({**kept, "param_groups": optimiser.state_dict()["param_groups"]})


def _read(path: Path) -> dict[str, Any]:
    try:
        return load_plain(path)
    except (OSError, ValueError):
        raise TrainingError(f"{path} is damaged; begin a new run in another --out.") from None
