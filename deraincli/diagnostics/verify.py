"""Checks whether a model is intact and works on this machine: its hash, its keys and a known picture."""

from __future__ import annotations

from dataclasses import dataclass

from deraincli.diagnostics.known_picture import known_pair
from deraincli.evaluation.metrics import PROTOCOLS, score
from deraincli.model_zoo.resolve import resolve_model
from deraincli.models.header import blob_sha256, read_header
from deraincli.restoration.derainer import Derainer
from deraincli.restoration.load import LoadOptions, open_model

TOLERANCE = 0.2
"""Largest difference in dB from the catalogue's value. Devices round differently."""


@dataclass(frozen=True)
class Check:
    """One check of a model."""

    name: str
    """What was checked."""
    passed: bool | None
    """Whether the check passed. None if there is nothing to compare with."""
    found: str
    """What was found."""


def verify(model: str | None, *, device: str = "auto") -> list[Check]:
    """Checks a model.

    The hash must equal the catalogue's, or the one that the Hub reported. Every key must fit the network. The
    PSNR of the known picture must be that of the catalogue. If the model is not in the catalogue, it must
    improve the known picture.

    Args:
        model: The model as given to `-m`. None for the default.
        device: The device as given to `--device`.

    Returns:
        The outcome of each check.

    Raises:
        ModelError: The model cannot be loaded, for example a shipped model whose file has changed.
    """
    found = resolve_model(model)
    file = found.files[0]
    entry, header = file.entry, read_header(file.path)
    expected = entry.sha256 if entry else blob_sha256(file.path)
    checks = [Check("sha256", file.sha256 == expected if expected else None, file.sha256)]
    derainer = open_model(LoadOptions(model, device=device, precision="fp32", tile="off"), found)
    checks.append(Check("keys", True, f"all {len(header.shapes)} tensors fit"))
    before, after = restored_psnr(derainer, header.task)
    gain = f"{before:.2f} dB in, {after:.2f} dB out"
    if entry is None:
        return [*checks, Check("picture", after > before, gain)]
    fine = abs(after - entry.known_psnr) <= TOLERANCE
    return [*checks, Check("picture", fine, f"{gain}, {entry.known_psnr:.2f} dB expected")]


def restored_psnr(derainer: Derainer, task: str) -> tuple[float, float]:
    """Computes the PSNR of the known picture before and after restoration, by protocol `rgb`.

    Args:
        derainer: The model.
        task: "drop" for drops on the lens. Any other value is for streaks.

    Returns:
        Both values in dB.
    """
    rainy, clean = known_pair(task)
    protocol = PROTOCOLS["rgb"]
    return score(rainy, clean, protocol).psnr, score(derainer(rainy), clean, protocol).psnr
