"""Checks that an average of models restores a picture about as well as they do."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from deraincli.diagnostics.verify import restored_psnr
from deraincli.errors import ModelError
from deraincli.model_zoo.resolve import ResolvedModel, resolve_model
from deraincli.models.header import read_header
from deraincli.restoration.load import LoadOptions, open_model

LARGEST_LOSS = 3.0
"""Largest loss of the average against the worst of its models, in dB on the known picture.

Averages that were tried for the shipped weights lost at most 0.8 dB. Half balnet-lite-streak and half
balnet-lite-free, which began from different random weights, lose 34 dB.
"""


def check_average(content: bytes, models: Sequence[ResolvedModel]) -> None:
    """Restores the known picture with an average and with its models, and compares the results.

    Args:
        content: The content of the averaged model's file.
        models: The models, each of one file.

    Raises:
        ModelError: The average restores the picture much worse than every model.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "average.safetensors")
        file.write_bytes(content)
        reached = _psnr(resolve_model(str(file)))
    worst = min(_psnr(model) for model in models)
    if reached < worst - LARGEST_LOSS:
        raise ModelError(
            f"The average restores the known picture to {reached:.1f} dB, each model to {worst:.1f} or more, "
            "so these models do not go back to one trained model: average others."
        )


def _psnr(model: ResolvedModel) -> float:
    derainer = open_model(LoadOptions(device="cpu", precision="fp32", tile="off", backend="eager"), model)
    return restored_psnr(derainer, read_header(model.files[0].path).task)[1]
