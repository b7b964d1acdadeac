"""A run's state on disk: everything that the next step depends on."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import torch

from deraincli.errors import TrainingError
from deraincli.imaging.codec import write_atomically
from deraincli.training.step import Trainee


@dataclass
class Best:
    """The best validation so far."""

    psnr: float = 0.0
    step: int = 0


def save_state(path: Path, trainee: Trainee, best: Best) -> None:
    """Writes the state atomically. Batches depend on the seed and step alone, so no generator is kept."""
    buffer = io.BytesIO()
    torch.save(
        {
            "step": trainee.step,
            "network": trainee.network.state_dict(),
            "average": trainee.average.state_dict(),
            "optimiser": trainee.optimiser.state_dict(),
            "best": {"psnr": best.psnr, "step": best.step},
        },
        buffer,
    )
    write_atomically(path, buffer.getvalue(), overwrite=True)


def load_state(path: Path, trainee: Trainee) -> Best:
    """Puts a saved state into a trainee. Raises TrainingError if it belongs to another network."""
    state = torch.load(path, weights_only=True)
    try:
        trainee.network.load_state_dict(state["network"])
        trainee.average.load_state_dict(state["average"])
        trainee.optimiser.load_state_dict(state["optimiser"])
    except (RuntimeError, ValueError, KeyError):
        raise TrainingError(f"{path} belongs to a run of another network; use another --out.") from None
    trainee.step = state["step"]
    return Best(**state["best"])
