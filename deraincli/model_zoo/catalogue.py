"""Table of the models that ship with the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deraincli.model_zoo.model_facts import ReportedScore


@dataclass(frozen=True)
class ShippedModel:
    """A model that is known by name. weights/README.md describes how each was made."""

    file: str
    """Path of the file below the folder `weights`."""
    sha256: str
    """SHA-256 of the file."""
    tasks: tuple[str, ...]
    """Values of `--task` that the model serves."""
    parameters: int
    """Number of learnable parameters."""
    licence: str
    """An identifier such as mit, or a name, a colon and the terms."""
    provenance: str
    """One or two sentences on the training data and on what the model was not trained for."""
    scores: tuple[ReportedScore, ...]
    """Scores of exactly this file. Each is a line of `derain eval SET -m NAME`."""
    known_psnr: float
    """PSNR on the known picture in dB, as `derain weights verify NAME` prints it."""
    datasets: tuple[str, ...]
    """Short names of the data sets that the model was trained on, as model cards list them."""
    photos: str | None = None
    """Path of a list of the training photos below the folder `weights`. It goes to the Hub with the model."""
    hub: str | None = None
    """Address on the Hub, pinned by commit, of a file that the package does not contain."""


@dataclass(frozen=True)
class AutoModel:
    """One name for several shipped models, from which one is chosen for each picture."""

    name: str
    """Name that `-m` takes."""
    members: Mapping[str, str]
    """Name of the default shipped model of each task, streaks first.

    Where a single file is needed and no task is given, the first one is used.
    """


_RESEARCH = (
    "research and evaluation: trained on pictures that their owners give for research; whoever wants to use "
    "it commercially should ask what their terms mean for that"
)

_STREAK_SETS = ("bsds500", "urban100", "elementary", "sun-hays80", "rain200h", "rain200l")

SHIPPED: dict[str, ShippedModel] = {
    "balnet-lite-streak": ShippedModel(
        file="balnet-lite-streak.safetensors",
        sha256="827141e0fc0144ca26087bb54dc732ea38fcb8ce0aee08eb691421b1cd61abbb",
        tasks=("streak",),
        parameters=995_296,
        licence=_RESEARCH,
        provenance="Trained on 638 clean photos with rain made on the fly: mostly frames of the rendered "
        "clip that Rain100L was made from (no frame of its test set), the rest procedural, recorded, or as "
        "in photos. It has seen streaks only: no lens raindrops or snow.",
        scores=(
            ReportedScore("20 pairs of Rain100L (validation)", "prenet", 38.01, 0.9783),
            ReportedScore("Rain12", "prenet", 37.74, 0.9703),
            ReportedScore("10 pairs of Rain100H", "prenet", 27.33, 0.8312),
            ReportedScore("5 pairs of Rain200H", "prenet", 27.96, 0.8227),
        ),
        known_psnr=48.88,
        datasets=_STREAK_SETS,
    ),
    "balnet-lite-drop": ShippedModel(
        file="balnet-lite-drop.safetensors",
        sha256="214c398df8b8833f9e6ae444ddc2ca9f7f00d909c48199625dac8249a92bc6cd",
        tasks=("drop",),
        parameters=995_296,
        licence=_RESEARCH,
        provenance="Begun from balnet-lite-streak and trained on 638 clean photos with lens drops drawn on "
        "the fly or taken from four pairs of the AGAN raindrop data, and on these. It has seen drops only: "
        "no streaks.",
        scores=(ReportedScore("4 pairs of AGAN's test_a (validation)", "agan", 27.69, 0.8916),),
        known_psnr=34.09,
        datasets=(*_STREAK_SETS, "agan-raindrop"),
    ),
    "balnet-small": ShippedModel(
        file="balnet-small.safetensors",
        sha256="6d21a1ae2c625c0de4f5445c433d8c245b15cd4d9dbb162f6a2df3b6ba466c52",
        tasks=("streak",),
        parameters=2_214_880,
        licence=_RESEARCH,
        provenance="Begun as balnet-lite-streak with further blocks and trained in the same way; removes "
        "more dense rain from real photos, and takes 1.7 times as long. It has seen streaks only: no lens "
        "raindrops or snow.",
        scores=(
            ReportedScore("20 pairs of Rain100L (validation)", "prenet", 37.90, 0.9778),
            ReportedScore("Rain12", "prenet", 37.67, 0.9698),
            ReportedScore("10 pairs of Rain100H", "prenet", 27.22, 0.8268),
            ReportedScore("5 pairs of Rain200H", "prenet", 27.76, 0.8167),
        ),
        known_psnr=47.85,
        datasets=_STREAK_SETS,
    ),
    "balnet-lite-free": ShippedModel(
        file="balnet-lite-free.safetensors",
        sha256="280e703e73fa7d3408ad7c1f5b239b57ba8d33044e1a0efdaa30b9c0bb116c61",
        tasks=("streak",),
        parameters=995_296,
        licence="cc-by-4.0",
        provenance="Trained on 69 photos of free licences with drawn rain alone, and on no research data "
        "(balnet-lite-free-photos.md). Weaker than balnet-lite-streak. It has seen streaks only: no lens "
        "raindrops or snow.",
        scores=(
            ReportedScore("20 pairs of Rain100L", "prenet", 34.18, 0.9560),
            ReportedScore("Rain12", "prenet", 34.80, 0.9449),
            ReportedScore("10 pairs of Rain100H", "prenet", 23.06, 0.7132),
            ReportedScore("5 pairs of Rain200H", "prenet", 24.25, 0.7095),
        ),
        known_psnr=42.06,
        datasets=("kodak", "wikimedia-commons"),
        photos="balnet-lite-free-photos.md",
    ),
}

AUTO_MODEL = AutoModel("balnet-lite", {"streak": "balnet-lite-streak", "drop": "balnet-lite-drop"})
"""The default model. `deraincli.restoration.auto_model` chooses between its members."""
