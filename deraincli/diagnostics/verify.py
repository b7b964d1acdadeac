"""Whether a model is what it should be, and works on this machine: its hash, its keys, a known picture."""

from __future__ import annotations

from dataclasses import dataclass

from deraincli.diagnostics.known_picture import known_pair
from deraincli.evaluation.metrics import PROTOCOLS, score
from deraincli.model_zoo.hub import blob_sha256
from deraincli.model_zoo.resolve import resolve_model
from deraincli.models.header import read_header
from deraincli.restoration.derainer import Derainer
from deraincli.restoration.load import load

TOLERANCE = 0.2
"""dB between the catalogue's value and this machine's: every device rounds in its own way."""


@dataclass(frozen=True)
class Check:
    """One check of a model."""

    name: str
    passed: bool | None
    """None where there is nothing to compare with."""
    found: str


def verify(model: str | None, *, device: str = "auto") -> list[Check]:
    """Checks a model given as to `-m`.

    The hash is compared with the catalogue's, or with what the Hub reported. Every key must fit. The known
    picture must come out as well as the catalogue says; by a model that is not in it, better than it went in.
    Raises ModelError where nothing can be loaded, as of a shipped model that is not what it was.
    """
    file = resolve_model(model).files[0]
    entry, header = file.entry, read_header(file.path)
    expected = entry.sha256 if entry else blob_sha256(file.path)
    checks = [Check("sha256", file.sha256 == expected if expected else None, file.sha256)]
    derainer = load(model, device=device, precision="fp32", tile="off")
    checks.append(Check("keys", True, f"all {len(header.shapes)} tensors fit"))
    before, after = restored_psnr(derainer, header.task)
    gain = f"{before:.2f} dB in, {after:.2f} dB out"
    if entry is None:
        return [*checks, Check("picture", after > before, gain)]
    fine = abs(after - entry.known_psnr) <= TOLERANCE
    return [*checks, Check("picture", fine, f"{gain}, {entry.known_psnr:.2f} dB expected")]


def restored_psnr(derainer: Derainer, task: str) -> tuple[float, float]:
    """PSNR in dB of the known picture for a task before and after restoration, by protocol `rgb`."""
    rainy, clean = known_pair(task)
    protocol = PROTOCOLS["rgb"]
    return score(rainy, clean, protocol).psnr, score(derainer(rainy), clean, protocol).psnr
